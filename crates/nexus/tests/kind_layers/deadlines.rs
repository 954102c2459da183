//! Deadlines that requests do not name, while timeouts are raised.

use std::sync::Arc;
use std::time::Duration;

use nexus::adaptive::{AdaptationKind, Bounds, BoundsSpec, Span};
use nexus::{
    Accepts, Agent, Answer, AskError, Context, Handler, KindLayers, Level, LevelUsed, Pool,
    PoolError, PoolSpec, Request, RequestError,
};
use nexus_sim::{check, seeds};
use serde_json::json;

use crate::support::{busy, read, when_busy};

/// Takes seven seconds for everything: two more than requests have that say nothing.
struct Slow;

impl Slow {
    fn layers() -> KindLayers {
        let timeout_factor = Span { min: 1.0, max: 2.0, steps: 1 };
        let bounds = Bounds::new(BoundsSpec { timeout_factor, ..BoundsSpec::default() });
        let mut spec = when_busy(AdaptationKind::RaiseTimeout);
        spec.bounds = bounds.expect("they hold together");
        KindLayers::new(spec).expect("it holds together")
    }
}

impl Agent for Slow {
    const KIND: &'static str = "slow";

    fn new(_key: &str) -> Slow {
        Slow
    }

    fn accepts(kind: &mut Accepts<Slow>) {
        kind.message::<Request>().beside(Arc::new(Slow::layers()));
    }
}

impl Handler<Request> for Slow {
    async fn handle(&mut self, _: Request, cx: &mut Context<Slow>) -> Result<Answer, RequestError> {
        cx.sleep(Duration::from_secs(7)).await;
        Ok(Answer { value: json!("at last"), level: LevelUsed::REACTIVE })
    }
}

#[test]
fn a_deadline_that_a_request_does_not_name_is_raised_within_bounds_and_one_it_names_is_not() {
    check(seeds(1), |world| {
        let pool = Pool::<Slow>::spawn_in(world.system(), "p", 1, PoolSpec::new());
        let pool = pool.expect("the names are free");
        let layers = KindLayers::of(world.system(), Slow::KIND).expect("it has some");
        layers.enable(Level::Adaptive).expect("it can be enabled");
        let member = world.system().find::<Slow>("p-0").expect("it is in the pool");
        let unnamed = || Request::query("any", json!({}));
        let named = || unnamed().with_deadline(Duration::from_secs(5));
        let mut served = |request: Request| match world.block_on(pool.request(request)) {
            Ok(served) => served.reply.is_ok(),
            Err(PoolError::Ask(AskError::Deadline { .. })) => false,
            Err(error) => panic!("{error}"),
        };
        member.set_level(Level::Adaptive);
        assert!(!served(unnamed()), "five seconds");
        read(&layers, 1.0, busy);
        assert_eq!(layers.knobs().timeout_factor, 2.0, "as far as bounds allow");
        assert!(served(unnamed()), "ten seconds");
        assert!(!served(named()), "as it said itself");
        // Whoever is not set to the level has nothing of it.
        member.set_level(Level::Reactive);
        assert!(!served(unnamed()));
        member.set_level(Level::Adaptive);
        for adaptation in layers.status().adaptations {
            layers.rollback(adaptation.id).expect("it is in force");
        }
        assert!(!served(unnamed()), "five seconds again");
    });
}
