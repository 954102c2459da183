//! The strategies by name.

use clap::ValueEnum;

/// How the server of a request is chosen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Strategy {
    /// Any server, by chance
    Random,
    /// Each server in turn
    RoundRobin,
    /// The less loaded of two drawn by chance
    TwoChoices,
    /// The server with the fewest requests in it
    LeastConnections,
    /// Servers that answered faster of late get more
    WeightedResponseTime,
    /// The server that reports the most room
    ResourceAware,
    /// A few probes ahead of time; of those, the quickest that is not crowded
    Prequal,
    /// One line for all: whoever is free takes the next request
    CentralQueue,
}

impl Strategy {
    /// The name on the command line, in tables and in rows.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Random => "random",
            Strategy::RoundRobin => "round-robin",
            Strategy::TwoChoices => "two-choices",
            Strategy::LeastConnections => "least-connections",
            Strategy::WeightedResponseTime => "weighted-response-time",
            Strategy::ResourceAware => "resource-aware",
            Strategy::Prequal => "prequal",
            Strategy::CentralQueue => "central-queue",
        }
    }

    /// What it does, in a few words.
    pub fn about(self) -> String {
        let value = self.to_possible_value().expect("no strategy is hidden");
        value.get_help().map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_has_one_name_everywhere() {
        for &strategy in Strategy::value_variants() {
            let value = strategy.to_possible_value().expect("no strategy is hidden");
            assert_eq!(value.get_name(), strategy.name());
        }
    }
}
