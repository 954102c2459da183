//! What the desk does about its layers, if it has any.

use nexus_base::{Level, Time};
use nexus_coord::{EnabledLevels, Routing};
use nexus_intel::adaptive::Choosing;
use nexus_intel::layers::Rehearsal;
use nexus_intel::proactive::{LearnedWork, Speeds};
use nexus_intel::safety::{Ladder, LadderEffect, LadderError};

use super::{BY_LAYERS, BY_OPTIMIZED, Desk};
use crate::LevelUsed;
use crate::pool::layers::Layers;
use crate::pool::{ChosenStrategy, LayerError, Measured, PoolWhy};

impl<H: Clone> Desk<H> {
    /// Asks for a level from now on; while the adaptive routing level is off, from
    /// when it is on again.
    pub(in crate::pool) fn set_level(&mut self, now: Time, level: Level) -> Result<(), LayerError> {
        let asked = self.layers_asked.as_mut().ok_or(LayerError::NoLayers)?;
        *asked = level;
        self.ask_layers(now);
        Ok(())
    }

    /// Enables a layer or takes it away.
    pub(in crate::pool) fn set_layer(
        &mut self,
        now: Time,
        layer: Level,
        is_enabled: bool,
    ) -> Result<(), LayerError> {
        self.change_ladder(now, |ladder| match is_enabled {
            true => ladder.enable(now, layer),
            false => ladder.disable(now, layer),
        })
    }

    /// These levels of those that this pool has are enabled from now on. Without
    /// the adaptive one the layers are left, and what they hold is placed.
    pub(in crate::pool) fn set_levels(&mut self, now: Time, levels: EnabledLevels) {
        self.levels = match self.layers_asked {
            Some(_) => levels,
            None => levels.without(Routing::Adaptive),
        };
        self.ask_layers(now);
    }

    /// The level that is asked for and the one that is used, whatever the trial has on
    /// in this block. Without layers there is but one.
    pub(in crate::pool) fn level(&mut self) -> LevelUsed {
        let Some(layers) = self.balancer.strategy_as::<Layers>(BY_LAYERS) else {
            return LevelUsed::of(Level::Reactive);
        };
        let ladder = layers.ladder();
        let asked = ladder.asked();
        let reason = ladder.reason(asked).map(|reason| format!("{asked}: {reason}"));
        LevelUsed { asked, used: ladder.used(), reason }
    }

    /// Why adaptive calls go where they go.
    pub(in crate::pool) fn why(&mut self) -> PoolWhy {
        PoolWhy { optimized: self.chosen(), ..self.why_layers() }
    }

    fn chosen(&mut self) -> Option<ChosenStrategy> {
        let chooser = self.balancer.strategy_as::<Choosing>(BY_OPTIMIZED)?.chooser();
        let (strategy, reason) = (chooser.choice().to_string(), chooser.why().to_string());
        Some(ChosenStrategy { strategy, reason })
    }

    fn why_layers(&mut self) -> PoolWhy {
        let Some(layers) = self.balancer.strategy_as::<Layers>(BY_LAYERS) else {
            return PoolWhy::default();
        };
        let measured =
            layers.measured().map(|(layer, gain, phase)| Measured { layer, gain, phase });
        let speeds = self.members.iter().filter_map(|member| {
            let server = member.server?.index();
            Some((member.key.to_string(), layers.scheduled().speeds().learned(server)))
        });
        PoolWhy {
            used: layers.used(),
            optimized: None,
            ladder: Some(layers.ladder().status()),
            measured,
            model: Some(layers.scheduled().work().predictor().explain()),
            speeds: Some(speeds.collect()),
        }
    }

    /// The last blocks of the trial, to be served again elsewhere.
    pub(in crate::pool) fn rehearsal(&mut self) -> Option<Rehearsal<LearnedWork>> {
        self.balancer.strategy_as::<Layers>(BY_LAYERS)?.rehearsal()
    }

    /// The level at which the layers place calls now.
    pub(super) fn level_used(&mut self) -> Level {
        self.balancer.strategy_as::<Layers>(BY_LAYERS).map_or(Level::Reactive, Layers::used)
    }

    /// Whether something happened to the layers that people may want to know.
    #[inline]
    pub(in crate::pool) fn has_news(&mut self) -> bool {
        self.layers_asked.is_some()
            && self
                .balancer
                .strategy_as::<Layers>(BY_LAYERS)
                .is_some_and(|layers| layers.ladder().has_effects())
    }

    /// What happened to the layers.
    pub(in crate::pool) fn take_news(&mut self, now: Time) -> Vec<LadderEffect> {
        let mut news = Vec::new();
        let taken = self.change_ladder(now, |ladder| {
            news.extend(std::iter::from_fn(|| ladder.poll_effect()));
            Ok(())
        });
        taken.expect("there are layers, and nothing is asked of them");
        news
    }

    fn ask_layers(&mut self, now: Time) {
        let Some(asked) = self.layers_asked else { return };
        let is_on = self.levels.has(Routing::Adaptive);
        let asked = if is_on { asked } else { Level::Reactive };
        let told = self.change_ladder(now, |ladder| {
            ladder.ask(now, asked);
            Ok(())
        });
        told.expect("there are layers, and they can be asked for any level");
    }

    fn change_ladder(
        &mut self,
        now: Time,
        change: impl FnOnce(&mut Ladder) -> Result<(), LadderError>,
    ) -> Result<(), LayerError> {
        let changed = self
            .balancer
            .change_strategy(now, BY_LAYERS, |layers: &mut Layers| {
                layers.change_ladder(now, change)
            })
            .ok_or(LayerError::NoLayers)?;
        self.carry_out(now);
        Ok(changed?)
    }
}
