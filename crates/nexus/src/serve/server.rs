//! Starting and ending a served node.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use nexus_agent::{Agent, KindSpec, SpawnError};
use nexus_base::{Level, Time};
use serde_json::json;

use super::crew::Crew;
use super::host::Host;
use super::listener;
use super::meter::Meter;
use super::signals::Signals;
use super::trace::Tracer;
use crate::auth::TokensError;
use crate::settings::{ExposureError, LevelsSettings, SettingsError};
use crate::tls::{Tls, TlsError};
use crate::{
    KindLayers, Node, NodeSpec, Settings, Shutdown, StartError, Tokens, TraceSettings, panics,
};

type Register = Box<dyn FnOnce(&Node) -> Result<(), SpawnError>>;

/// A node whose agents are reached over HTTP, by the commands of `nexus`, and in
/// a browser.
///
/// ```no_run
/// use nexus::{Accepts, Server, prelude::*};
///
/// struct Cart(Vec<String>);
///
/// impl Agent for Cart {
///     const KIND: &'static str = "cart";
///     fn new(_key: &str) -> Self {
///         Cart(Vec::new())
///     }
///     fn accepts(kind: &mut Accepts<Self>) {
///         kind.message::<Put>();
///     }
/// }
///
/// #[derive(Message)]
/// #[message(reply = u64)]
/// struct Put {
///     item: String,
/// }
///
/// impl Handler<Put> for Cart {
///     async fn handle(&mut self, put: Put, _cx: &mut Context<Self>) -> u64 {
///         self.0.push(put.item);
///         self.0.len() as u64
///     }
/// }
///
/// fn main() -> Result<(), nexus::ServeError> {
///     Server::new().kind::<Cart>().run()
/// }
/// ```
#[must_use = "nothing is served until `run` or `start`"]
pub struct Server {
    /// As given; the environment's if none were.
    settings: Option<Settings>,
    kinds: Vec<Register>,
}

impl Default for Server {
    fn default() -> Server {
        Server::new()
    }
}

/// Why a node does not serve. Nothing is left running.
///
/// With [`fmt::Debug`] it is told in words, with what caused it: so a `main`
/// that returns it prints what people need.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The settings in the environment, or in the file it names, are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The node itself did not start.
    #[error("the node did not start")]
    Node(#[from] StartError),
    /// A kind could not be registered.
    #[error("a kind could not be registered")]
    Kind(#[from] SpawnError),
    /// Others could reach the port, and nothing protects it.
    #[error(transparent)]
    Exposure(#[from] ExposureError),
    /// The tokens could not be read.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The certificates could not be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Traces cannot be sent as asked.
    #[error("{0}")]
    Traces(String),
    /// The port could not be had.
    #[error(
        "cannot listen on {listen}; choose another address with http.listen, or stop who has it"
    )]
    Listen {
        /// What was asked for.
        listen: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The system has no thread for the port, or does not let us listen for signals.
    #[error("the system refused what a server needs")]
    System(#[source] std::io::Error),
    /// It served, and ended before all that had begun was finished.
    #[error("{}", cut_short(*.limit, .shutdown))]
    CutShort {
        /// How long it had for that.
        limit: Duration,
        /// What became of it.
        shutdown: Box<Shutdown>,
    },
}

/// Agents that are named where work was cut short, at most; of the others there is the
/// count. A guess at what people read.
const NAMED_MAX: usize = 8;

fn cut_short(limit: Duration, shutdown: &Shutdown) -> String {
    let Shutdown { cut_short, stuck, left_queued, .. } = shutdown;
    let mut named = cut_short[..cut_short.len().min(NAMED_MAX)].join(", ");
    if cut_short.len() > NAMED_MAX {
        named += &format!(" and {} more", cut_short.len() - NAMED_MAX);
    }
    let mut text = format!(
        "work was cut short after {} s (node.drain_s): agents still at it: {} ({named})",
        limit.as_secs_f64(),
        cut_short.len()
    );
    if !stuck.is_empty() {
        text += &format!(
            "; handlers that never returned: {}; messages left to them: {left_queued}",
            stuck.len()
        );
    }
    text
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Server {
    /// A server without kinds, set up as the environment says when it starts:
    /// see [`Settings::from_env`].
    pub fn new() -> Server {
        Server { settings: None, kinds: Vec::new() }
    }

    /// Serves agents of type `A`.
    pub fn kind<A: Agent>(self) -> Server {
        self.kind_with(KindSpec::<A>::default())
    }

    /// Serves agents of type `A`, made as `spec` says.
    pub fn kind_with<A: Agent>(mut self, spec: KindSpec<A>) -> Server {
        self.kinds.push(Box::new(move |node| node.register(spec)));
        self
    }

    /// Set up as `settings` say, whatever is in the environment.
    pub fn settings(self, settings: Settings) -> Server {
        Server { settings: Some(settings), ..self }
    }

    /// Starts to serve, and returns at once.
    ///
    /// # Errors
    /// [`ServeError`]; nothing is left running.
    pub fn start(self) -> Result<Running, ServeError> {
        let settings = self.settings.map_or_else(Settings::from_env, Ok)?;
        Running::start(settings, self.kinds)
    }

    /// Serves until the process is told to end (SIGINT, SIGTERM, or a client
    /// that may), then finishes what has begun. When it is ready it says so in
    /// one line on standard output. A second signal ends the process at once,
    /// with the exit code 130.
    ///
    /// Logs to standard error as the settings say ([`crate::LogSettings::start`]). Panics
    /// of agents are told there too, from here on, a few a second; all others are left to
    /// the hook for panics that is there when this is called.
    ///
    /// # Errors
    /// [`ServeError::CutShort`] if not all that had begun could be finished; of all others
    /// nothing was served.
    pub fn run(self) -> Result<(), ServeError> {
        let settings = self.settings.map_or_else(Settings::from_env, Ok)?;
        settings.log.start();
        // Whoever knows that the process is there may end it: from the ready line
        // on a signal drains, and clients cannot have taken the files it needs.
        let signals = Signals::listen().map_err(ServeError::System)?;
        let mut running = Running::start(settings, self.kinds)?;
        panics::log_those_of_agents(&running.host.figures.threads);
        running.signals = Some(signals);
        let _ = writeln!(std::io::stdout(), "{}", running.ready_line());
        let signalled = running.wait()?;
        tracing::info!(target: "nexus", signalled, "draining");
        let impatience = running.signals.take().map(|signals| signals.end_at_second(signalled));
        if let Some(Err(error)) = &impatience {
            tracing::warn!(target: "nexus", %error, "a second signal will not end the process");
        }
        let limit = running.host.settings.node.drain;
        let shutdown = running.shutdown();
        drop(impatience);
        match shutdown.drained {
            true => Ok(()),
            false => Err(ServeError::CutShort { limit, shutdown: Box::new(shutdown) }),
        }
    }
}

/// A node that serves.
///
/// Dropping it ends it as [`Running::shutdown`] does.
pub struct Running {
    node: Option<Node>,
    pub(super) host: Arc<Host>,
    listens: SocketAddr,
    encrypted: bool,
    port: Option<JoinHandle<()>>,
    signals: Option<Signals>,
}

impl Running {
    fn start(mut settings: Settings, kinds: Vec<Register>) -> Result<Running, ServeError> {
        settings.validate_exposure()?;
        let now_unix = super::unix_s();
        let tokens = settings.auth.tokens.as_deref().map(Tokens::load).transpose()?;
        let tls = Tls::load(&settings.tls, now_unix)?;
        for warning in tokens.iter().flat_map(Tokens::warnings) {
            tracing::warn!(target: "nexus", "{warning}");
        }
        for warning in tls.iter().flat_map(|tls| &tls.warnings) {
            tracing::warn!(target: "nexus", "{warning}");
        }
        let tracer = tracer(&settings.trace)?;
        let node = NodeSpec::from_settings(&settings).start()?;
        node.keep_everyday_events(settings.events.everyday);
        for register in kinds {
            register(&node)?;
        }
        enable_levels(&node, &settings.levels);
        let listen = settings.http.listen;
        let failed = |source| ServeError::Listen { listen, source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ServeError::System)?;
        let socket = {
            let _entered = runtime.enter();
            listener::bind(listen).map_err(failed)?
        };
        let listens = socket.local_addr().map_err(failed)?;
        settings.http.listen = listens;
        let name = node_name(&settings, listens);
        let meter = Arc::new(Meter::new(node.handles().len()));
        let crew = Crew::new(node.handles().to_vec());
        let host = Host::new(node.figures(), meter, crew, settings, name, tokens, tracer);
        let host = Arc::new(host);
        let encrypted = tls.is_some();
        let acceptor = tls.map(|tls| tls.acceptor);
        let shared = host.clone();
        let port = move || runtime.block_on(listener::listen(shared, socket, acceptor));
        let builder = std::thread::Builder::new().name("nexus-port".to_owned());
        let port = Some(builder.spawn(port).map_err(ServeError::System)?);
        Ok(Running { node: Some(node), host, listens, encrypted, port, signals: None })
    }

    /// The node: for making agents before clients come.
    ///
    /// # Panics
    /// Never: it is there until [`Self::shutdown`], which takes this.
    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("only shutting down takes it")
    }

    /// Where it listens, with the port that was picked if none was named.
    pub fn listens(&self) -> SocketAddr {
        self.listens
    }

    /// The address for clients on this machine.
    pub fn url(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.listens)
    }

    /// What a process says when it is ready: one line of JSON.
    pub fn ready_line(&self) -> String {
        json!({"ready": true, "http": self.url(), "node": self.host.name}).to_string()
    }

    /// Waits until the process is told to end; whether it was by a signal.
    /// From the first call on signals do not end the process by themselves.
    ///
    /// # Errors
    /// [`ServeError::System`] if the system does not let us listen for signals.
    pub fn wait(&mut self) -> Result<bool, ServeError> {
        let signals = match self.signals.take() {
            Some(signals) => signals,
            None => Signals::listen().map_err(ServeError::System)?,
        };
        Ok(self.signals.insert(signals).wait(self.host.drained()))
    }

    /// Takes no new connections, lets what has begun be finished within the
    /// limit of the settings (`node.drain_s`), then ends.
    pub fn shutdown(mut self) -> Shutdown {
        self.end().expect("it had not ended")
    }

    fn end(&mut self) -> Option<Shutdown> {
        let node = self.node.take()?;
        self.host.drain();
        if let Some(port) = self.port.take() {
            let _ = port.join();
        }
        let limit = self.host.settings.node.drain;
        let now = || self.host.now();
        let until = now().after(limit);
        self.wait_for_connections(until);
        let left = until.since(now());
        if self.host.meter.connections() > 0 {
            self.host.give_up();
            self.wait_for_connections(now().after(GIVING_UP_LIMIT));
        }
        let shutdown = node.shutdown(left);
        // What has ended is told to the collector, which may be gone.
        let traces = self.host.tracer.shutdown(TRACES_LIMIT);
        tracing::debug!(target: "nexus", ?traces, "traces");
        Some(shutdown)
    }

    fn wait_for_connections(&self, until: Time) {
        while self.host.meter.connections() > 0 && self.host.now() < until {
            // Connections end by themselves; nobody tells when the last one has.
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}

/// How long clients that are told that they waited in vain may take to hear it.
/// A guess: their connections are open, and what they are told is short.
const GIVING_UP_LIMIT: Duration = Duration::from_millis(500);

/// Enables the layers of the node's kinds as the settings say. What is off here may
/// have been enabled by code, and stays as it is.
fn enable_levels(node: &Node, levels: &LevelsSettings) {
    let wanted = [
        (Level::Proactive, levels.enable_learning),
        (Level::Adaptive, levels.enable_adaptation),
        (Level::Emergent, levels.enable_emergence),
    ];
    let system = node.system();
    let all = system.kind_names().into_iter().filter_map(|kind| KindLayers::of(system, kind));
    for layers in all {
        for (level, _) in wanted.iter().filter(|(_, enabled)| *enabled) {
            layers.enable(*level).expect("none of them is the reactive level");
        }
    }
}

/// What records traces, if the settings name a collector.
fn tracer(settings: &TraceSettings) -> Result<Tracer, ServeError> {
    if settings.otlp.is_empty() {
        return Ok(Tracer::off());
    }
    let started = Tracer::start(&settings.otlp, &settings.service, settings.sample);
    started.map_err(|error| ServeError::Traces(error.to_string()))
}

/// How often a shutdown looks whether connections are left.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long an end waits for the collector of traces. A guess.
const TRACES_LIMIT: Duration = Duration::from_secs(2);

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The node's name: as set, or as the machine is called.
fn node_name(settings: &Settings, listens: SocketAddr) -> String {
    if !settings.node.name.is_empty() {
        return settings.node.name.clone();
    }
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match named.trim() {
        "" => format!("node-{}", listens.port()),
        name => name.to_owned(),
    }
}
