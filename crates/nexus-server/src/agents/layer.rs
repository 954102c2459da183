//! `nexus agents layer`: one layer of a pool or a kind, on or off.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Client, Level, NodeArgs, Path};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

const EXAMPLES: &str = "\
Examples:
  nexus agents layer nexus.pool/models adaptive off
      the pool routes without what it has learned of its members, from the next call on
  nexus agents layer nexus.pool/models adaptive on
      it is tried again, and stays where it pays
  nexus agents layer report/42 adaptive on
      the layer of all agents of the kind report, if the kind has one

Requests inside a layer that is taken away finish. What each layer is worth: nexus why";

/// Switch one layer of a pool or of a kind on or off
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LayerArgs {
    /// The pool, as nexus.pool/NAME, or any agent of the kind
    #[arg(value_name = "KIND/KEY")]
    name: AgentName,
    /// Which layer
    #[arg(value_enum, value_name = "LAYER")]
    layer: LayerName,
    /// Whether it may be used
    #[arg(value_enum)]
    switch: Switch,
}

/// The layers there are above the reactive level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum LayerName {
    /// Predicts
    Proactive,
    /// Learns and adapts
    Adaptive,
    /// Acts in swarms
    Emergent,
}

impl LayerName {
    fn as_str(self) -> &'static str {
        match self {
            LayerName::Proactive => "proactive",
            LayerName::Adaptive => "adaptive",
            LayerName::Emergent => "emergent",
        }
    }
}

/// On or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Switch {
    /// It is tried, and used where it pays
    On,
    /// It is not used
    Off,
}

#[derive(Serialize)]
struct Document {
    enabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answered {
    layer: Layer,
    level: Level,
}

/// The layer as it stands now.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Layer {
    stage: String,
    reason: Option<String>,
}

/// Runs `nexus agents layer`.
pub fn run(
    args: &LayerArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let document = Document { enabled: args.switch == Switch::On };
    let document = serde_json::to_string(&document).expect("a switch is plain data");
    let layer = args.layer.as_str();
    let path = Path::agent(&args.name).segment("layers").segment(layer);
    let answer = Client::new(node)?.put(&path, document)?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => {
            let Answered { layer: Layer { stage, reason }, level } = answer.read()?;
            let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let stage = stage.replace('_', " ");
            let text = format!("{}: {layer} is {stage}{why}; level {}", args.name, level.words());
            format!("{}\n", printable(&text))
        }
    };
    output.print(&text).map_err(Failure::Output)
}
