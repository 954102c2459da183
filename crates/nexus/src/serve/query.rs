//! What stands behind the question mark.

use super::problem::Problem;

/// The pairs of a query, decoded.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query whose names must be among `known`, each at most once.
    pub(super) fn parse(text: Option<&str>, known: &[&str]) -> Result<Query, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let known = match known {
                    [] => "there are none".to_owned(),
                    known => format!("known are {}", known.join(", ")),
                };
                return Err(bad(&name, &format!("is not known here; {known}")));
            }
            if pairs.iter().any(|(before, _)| *before == *name) {
                return Err(bad(&name, "is given twice"));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Query(pairs))
    }

    /// The value under `name`, unless it is not there or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A number from `least` to `most`; `default` if there is none.
    pub(super) fn number(
        &self,
        name: &str,
        default: u64,
        least: u64,
        most: u64,
    ) -> Result<u64, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| bad(name, &format!("must be a whole number from {least} to {most}")))
    }

    /// Whether `name` is given as 1 or true.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(_) => Err(bad(name, "must be 1 or 0")),
        }
    }
}

fn bad(name: &str, reason: &str) -> Problem {
    // As much of a name as people need; it may be as long as a header may.
    let shown: String = name.chars().take(64).collect();
    Problem::bad_request(format!("query parameter {shown:?} {reason}"))
        .detail(serde_json::json!({"parameter": shown}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_and_the_rest_refused() {
        let query = Query::parse(Some("limit=7&where=a%20%3D+1&x="), &["limit", "where", "x"]);
        let query = query.expect("all are known");
        assert_eq!(query.number("limit", 1, 1, 10), Ok(7));
        assert_eq!(query.get("where"), Some("a = 1"));
        assert_eq!(query.get("x"), None);
        assert!(Query::parse(Some("limt=7"), &["limit"]).is_err());
        assert!(Query::parse(Some("a=1&a=2"), &["a"]).is_err());
        let query = Query::parse(Some("limit=11&on=yes"), &["limit", "on"]).expect("known");
        assert!(query.number("limit", 1, 1, 10).is_err());
        assert!(query.flag("on").is_err());
    }
}
