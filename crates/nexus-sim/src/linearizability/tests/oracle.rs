//! Histories as lines, drawn ones, and a judge that tries every order.

use nexus_base::Rng;

use super::super::*;

/// What a client did, and where: moments are lines.
#[derive(Clone, Debug)]
struct Done {
    client: u64,
    call: Call,
    began: usize,
    ended: Option<(usize, End)>,
}

#[derive(Clone, PartialEq, Debug)]
enum End {
    Answer(Answer),
    Fail,
    Unknown,
}

/// A history of one key.
#[derive(Clone, Debug)]
pub(super) struct Told(Vec<Done>);

impl Told {
    pub(super) fn parse(text: &str) -> Told {
        let mut told = Told(Vec::new());
        for (line, text) in text.lines().enumerate() {
            let words: Vec<&str> = text.split_whitespace().collect();
            let client = words[0].parse().expect("a client");
            if words[1] == "->" {
                let open = told.0.iter_mut().rev().find(|one| one.client == client);
                open.expect("it began").ended = Some((line, end(words[2])));
                continue;
            }
            let value = |index: usize| held(words[index]).expect("a value");
            let call = match words[1] {
                "get" => Call::Get,
                "put" => Call::Put(value(2)),
                "cas" => Call::Cas(held(words[2]), value(3)),
                "add" => Call::Add(words[2].parse().expect("a number")),
                "append" => Call::Append(words[2].into()),
                other => panic!("no call {other}"),
            };
            told.0.push(Done { client, call, began: line, ended: None });
        }
        told
    }

    /// Up to seven operations of three clients, mostly answered as a store would.
    pub(super) fn draw(seed: u64) -> Told {
        let mut rng = Rng::new(seed);
        let mut held = Store.start();
        let mut told = Told(Vec::new());
        let mut open: Vec<(usize, Option<Answer>)> = Vec::new();
        let lies = rng.below(2) == 0;
        for line in 0..20 {
            if rng.below(2) == 0 && open.len() < 3 && told.0.len() < 7 {
                let call = draw_call(&mut rng);
                told.0.push(Done { client: line as u64, call, began: line, ended: None });
                open.push((told.0.len() - 1, None));
            } else if !open.is_empty() {
                let at = rng.below(open.len() as u64) as usize;
                let (index, answer) = &mut open[at];
                let done = &mut told.0[*index];
                match answer.take() {
                    None => *answer = Some(act(&mut held, &done.call)),
                    Some(answer) => {
                        done.ended = Some((line, draw_end(&mut rng, answer, lies)));
                        open.remove(at);
                    }
                }
            }
        }
        told
    }

    /// Tells it to `history`.
    pub(super) fn history(&self, mut history: History) -> History {
        let mut ids: Vec<Option<OperationId>> = self.0.iter().map(|_| None).collect();
        let last = self.0.iter().filter_map(|one| one.ended.as_ref()).map(|(line, _)| *line);
        let last = last.chain(self.0.iter().map(|one| one.began)).max().unwrap_or(0);
        for line in 0..=last {
            for (one, id) in self.0.iter().zip(&mut ids) {
                let at = Place::Line(line as u64 + 1);
                if one.began == line {
                    *id = Some(history.invoke(at, one.client, "k", one.call.clone()));
                }
                match &one.ended {
                    Some((ended, end)) if *ended == line => {
                        let id = id.take().expect("it began before");
                        match end {
                            End::Answer(answer) => history.ok(id, at, answer.clone()),
                            End::Fail => history.fail(id),
                            End::Unknown => history.unknown(id),
                        }
                    }
                    _ => {}
                }
            }
        }
        history
    }

    /// Told to a history that lets go of what it can after every answer.
    pub(super) fn eager(&self) -> History {
        self.history(History::incremental().folding_every(1))
    }

    /// Whether some order of some of the operations explains all answers.
    pub(super) fn is_linearizable_by_trying_all(&self) -> bool {
        let left: Vec<&Done> = self.0.iter().filter(|one| !one.has_failed()).collect();
        try_all(&left, &Store.start())
    }
}

impl Done {
    fn has_failed(&self) -> bool {
        matches!(self.ended, Some((_, End::Fail)))
    }

    fn answered(&self) -> Option<(usize, &Answer)> {
        match &self.ended {
            Some((line, End::Answer(answer))) => Some((*line, answer)),
            _ => None,
        }
    }
}

fn try_all(left: &[&Done], held: &Held) -> bool {
    if left.iter().all(|one| one.answered().is_none()) {
        return true;
    }
    (0..left.len()).any(|index| {
        let one = left[index];
        let is_late =
            left.iter().any(|other| other.answered().is_some_and(|(line, _)| line < one.began));
        let answer = one.answered().map(|(_, answer)| answer);
        let mut others = left.to_vec();
        others.remove(index);
        let next = Store.step(held, &one.call, answer);
        !is_late && next.is_some_and(|next| try_all(&others, &next))
    })
}

fn draw_call(rng: &mut Rng) -> Call {
    let small = |rng: &mut Rng| Value::from(rng.below(3) as i64);
    match rng.below(6) {
        0 | 1 => Call::Get,
        2 | 3 => Call::Put(small(rng)),
        4 => Call::Cas(Some(small(rng)), small(rng)),
        _ => Call::Add(rng.below(2) as i64 + 1),
    }
}

fn draw_end(rng: &mut Rng, answer: Answer, lies: bool) -> End {
    match rng.below(8) {
        0 | 1 => End::Unknown,
        2 if lies => End::Fail,
        3 if lies => End::Answer(Answer::Found(Some((rng.below(3) as i64).into()))),
        _ => End::Answer(answer),
    }
}

/// Does a call as a store would.
fn act(held: &mut Held, call: &Call) -> Answer {
    let after = Store.step(held, call, None).expect("there is always something held");
    let before = std::mem::replace(held, after);
    match call {
        Call::Get => Answer::Found(before.0),
        Call::Cas(expect, _) if before.0 != *expect => Answer::Refused,
        Call::Add(_) => Answer::Found(held.0.clone()),
        _ => Answer::Done,
    }
}

fn end(word: &str) -> End {
    match word {
        "done" => End::Answer(Answer::Done),
        "refused" => End::Answer(Answer::Refused),
        "fail" => End::Fail,
        "unknown" => End::Unknown,
        value => End::Answer(Answer::Found(held(value))),
    }
}

fn held(word: &str) -> Option<Value> {
    match word.parse() {
        Ok(number) => Some(Value::Int(number)),
        Err(_) if word == "nothing" => None,
        Err(_) => Some(Value::from(word.trim_matches('"'))),
    }
}
