//! What is held of one key's history.

use super::config::Config;
use super::explain;
use super::limits::{Budget, Limits};
use super::model::Model;
use super::operation::{Class, NEVER, Operation, Outcome};
use super::place::Place;
use super::search::{Found, Search};
use crate::Verdict;

/// Ways in which a folded history may stand. Beyond it the fold waits for more
/// answers, which tell some of them apart. A guess.
const ORDERS_MAX: usize = 1_024;

/// What is held of one key's history: how its orders may stand, and what came since.
#[derive(Debug)]
pub(super) struct Window<M: Model> {
    /// How orders of what was let go may stand.
    starts: Vec<Config<M::State>>,
    /// Operations open or answered, in the order in which they began.
    operations: Vec<Operation<M>>,
    /// Those whose outcome is unknown, equal calls together.
    classes: Vec<Class<M>>,
    unknown_count: usize,
    /// Operations let go.
    folded_count: u64,
    /// How many operations there are to be before the next try to fold, and
    /// after one that let go, how many more.
    fold_at: usize,
    fold_every: usize,
    /// Set once there is nothing more to find out.
    settled: Option<Settled>,
}

/// What a key came to for good.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    /// When, as a moment of the history.
    pub(super) moment: u64,
    pub(super) verdict: Verdict,
}

impl<M: Model> Window<M> {
    pub(super) fn new(model: &M, fold_every: usize) -> Window<M> {
        Window {
            starts: vec![Config::at(model.start())],
            operations: Vec::new(),
            classes: Vec::new(),
            unknown_count: 0,
            folded_count: 0,
            fold_at: fold_every,
            fold_every,
            settled: None,
        }
    }

    /// Operations that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn settled(&self) -> Option<&Settled> {
        self.settled.as_ref()
    }

    /// An operation begins.
    pub(super) fn begin(&mut self, operation: Operation<M>, limits: &Limits) {
        if self.settled.is_some() {
            return;
        }
        if self.operations.len() >= limits.window_max {
            let most = limits.window_max;
            let moment = operation.began;
            let why = format!("more than {most} operations would have to be held at once");
            return self.settle(moment, Verdict::Unknown(why));
        }
        self.operations.push(operation);
    }

    /// The operation that began at `began` is answered at `moment`.
    pub(super) fn answer(&mut self, began: u64, moment: u64, at: Place, answer: M::Answer) {
        if let Some(index) = self.open(began) {
            self.operations[index].outcome = Outcome::Answered { moment, at, answer };
        }
    }

    /// It had no effect.
    pub(super) fn remove(&mut self, began: u64) {
        if let Some(index) = self.open(began) {
            self.operations.remove(index);
        }
    }

    /// It may take effect at any time, or never.
    pub(super) fn set_unknown(&mut self, began: u64, limits: &Limits) {
        let Some(index) = self.open(began) else { return };
        if self.unknown_count >= limits.unknown_max {
            let most = limits.unknown_max;
            let why = format!("more than {most} operations have an unknown outcome");
            return self.settle(began, Verdict::Unknown(why));
        }
        self.unknown_count += 1;
        let operation = self.operations.remove(index);
        add_unknown(&mut self.classes, &operation);
    }

    fn open(&self, began: u64) -> Option<usize> {
        if self.settled.is_some() {
            return None;
        }
        let index = self.operations.binary_search_by_key(&began, |one| one.began);
        let index = index.expect("it began here, and ends once");
        assert!(matches!(self.operations[index].outcome, Outcome::Open), "an operation ends once");
        Some(index)
    }

    /// Lets go of what is explained by every order there is, if it is time to.
    pub(super) fn fold(&mut self, model: &M, now: u64, limits: &Limits) {
        if self.settled.is_some() || self.operations.len() < self.fold_at {
            return;
        }
        // Before this moment nothing is open: what will be answered began later.
        let open = self.operations.iter().find(|one| one.ended() == NEVER);
        let until = open.map_or(now, |one| one.began);
        let is_gone = |one: &Operation<M>| one.ended() < until;
        let gone = self.operations.iter().filter(|one| is_gone(one)).count();
        if gone * 2 < self.operations.len() {
            self.fold_at = self.operations.len() + self.fold_every;
            return;
        }
        let known: Vec<&Operation<M>> =
            self.operations.iter().take_while(|one| one.ended() != NEVER).collect();
        let search = Search {
            model,
            operations: &known,
            classes: &self.classes,
            until,
            orders_max: ORDERS_MAX,
        };
        match search.run(&self.starts, &mut Budget::of(limits)) {
            Found::Orders(orders) => self.let_go(orders, is_gone),
            Found::Stuck(stuck) => {
                let reason = explain::stuck(&stuck, &known, self.folded_count);
                self.settle(stuck.moment, Verdict::Violated(reason));
            }
            // Answers still to come may leave fewer ways.
            Found::Exhausted => self.fold_at = self.operations.len() * 2,
        }
    }

    fn let_go(&mut self, orders: Vec<Config<M::State>>, is_gone: impl Fn(&Operation<M>) -> bool) {
        let gone: Vec<bool> = self.operations.iter().map(is_gone).collect();
        let stand =
            |order: Config<M::State>| Config { placed: order.placed.without(&gone), ..order };
        self.starts = orders.into_iter().map(stand).collect();
        self.folded_count += gone.iter().filter(|gone| **gone).count() as u64;
        let mut gone = gone.into_iter();
        self.operations.retain(|_| !gone.next().expect("one for each"));
        self.fold_at = self.operations.len() + self.fold_every;
    }

    fn settle(&mut self, moment: u64, verdict: Verdict) {
        self.settled = Some(Settled { moment, verdict });
        self.starts = Vec::new();
        self.operations = Vec::new();
        self.classes = Vec::new();
    }

    /// What the key comes to if what is open has an unknown outcome.
    pub(super) fn check(&self, model: &M, budget: &mut Budget) -> Settled {
        if let Some(settled) = &self.settled {
            return settled.clone();
        }
        let (known, open): (Vec<_>, Vec<_>) =
            self.operations.iter().partition(|one| one.ended() != NEVER);
        let mut classes = self.classes.clone();
        open.into_iter().for_each(|one| add_unknown(&mut classes, one));
        let search =
            Search { model, operations: &known, classes: &classes, until: NEVER, orders_max: 1 };
        match search.run(&self.starts, budget) {
            Found::Orders(_) => Settled { moment: NEVER, verdict: Verdict::Ok },
            Found::Stuck(stuck) => {
                let reason = explain::stuck(&stuck, &known, self.folded_count);
                Settled { moment: stuck.moment, verdict: Verdict::Violated(reason) }
            }
            Found::Exhausted => {
                let why = explain::exhausted(known.len(), self.unknown_count);
                Settled { moment: NEVER, verdict: Verdict::Unknown(why) }
            }
        }
    }
}

fn add_unknown<M: Model>(classes: &mut Vec<Class<M>>, operation: &Operation<M>) {
    let Operation { began, call, .. } = operation;
    match classes.iter_mut().find(|class| class.call == *call) {
        Some(class) => {
            let at = class.began.partition_point(|one| one < began);
            class.began.insert(at, *began);
        }
        None => classes.push(Class { call: call.clone(), began: vec![*began] }),
    }
}
