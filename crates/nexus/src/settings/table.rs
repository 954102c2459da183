//! The one table of settings.
//!
//! An entry is: what it means, its key in the file, the name and type of its
//! field, its default, and the rule a value must keep to. Defaults of limits
//! carry their reason in a comment; upper ends of ranges are guesses at what
//! can only be a mistake. After a change, write the manual anew:
//! `NEXUS_WRITE_DOCS=1 cargo test -p nexus --lib configuration_md`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;
use tracing::level_filters::LevelFilter;

use super::error::Fault;
use super::field::{Field, LogFormat, Spread};
use super::nearest::nearest;
use super::rule::{Rule, Value, describe, form, quote};
use crate::node::WORKERS_MAX;

/// What the name of a setting's variable begins with.
pub(super) const PREFIX: &str = "NEXUS_";

/// A section of the file.
pub(super) struct Section {
    pub(super) name: &'static str,
    /// What its settings are about, one sentence.
    pub(super) about: &'static str,
    pub(super) settings: &'static [Setting],
}

/// One setting: how it is called, what it means, what it may be, where it lives.
pub(super) struct Setting {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) doc: &'static str,
    pub(super) rule: Rule,
    /// Puts a value that keeps to the rule into its field. `None`: it does not fit there.
    put: fn(&mut Settings, Value) -> Option<()>,
    get: fn(&Settings) -> Value,
}

impl Setting {
    /// The name of its variable in the environment.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}_{}", self.section, self.key).to_ascii_uppercase()
    }

    /// Its value in `settings`.
    pub(super) fn value(&self, settings: &Settings) -> Value {
        (self.get)(settings)
    }

    /// Sets it to a value as a file has it.
    pub(super) fn set_toml(
        &self,
        settings: &mut Settings,
        value: &DeValue<'_>,
    ) -> Result<(), Fault> {
        let read = self.rule.read_toml(value);
        let fault =
            || self.fault(describe(value), value.as_str().and_then(|text| self.meant(text)));
        self.set(settings, read).ok_or_else(fault)
    }

    /// Sets it to a value as a variable or an argument has it.
    pub(super) fn set_text(&self, settings: &mut Settings, text: &str) -> Result<(), Fault> {
        let read = self.rule.read_text(text);
        self.set(settings, read).ok_or_else(|| self.fault(quote(text), self.meant(text)))
    }

    fn set(&self, settings: &mut Settings, value: Option<Value>) -> Option<()> {
        (self.put)(settings, value.filter(|value| self.rule.admits(value))?)
    }

    /// What to say of a value that does not do.
    pub(super) fn fault(&self, found: String, nearest: Option<String>) -> Fault {
        let name = format!("[{}] {}", self.section, self.key);
        Fault::Value { name, found, valid: self.rule.valid(), nearest }
    }

    /// Which of several choices was meant.
    fn meant(&self, text: &str) -> Option<String> {
        let Rule::Choice(choices) = self.rule else { return None };
        nearest(text, choices.iter().copied()).map(str::to_owned)
    }
}

/// The setting of that section and key.
pub(super) fn find(section: &str, key: &str) -> Result<&'static Setting, Fault> {
    let named = find_section(section)?;
    named.settings.iter().find(|setting| setting.key == key).ok_or_else(|| unknown_key(named, key))
}

/// The section of that name.
pub(super) fn find_section(name: &str) -> Result<&'static Section, Fault> {
    SECTIONS.iter().find(|section| section.name == name).ok_or_else(|| {
        let names = || SECTIONS.iter().map(|section| section.name);
        let nearest = nearest(name, names()).map(str::to_owned);
        Fault::UnknownSection { name: quote(name), nearest, valid: list(names()) }
    })
}

/// What to say of a key that `section` does not have.
pub(super) fn unknown_key(section: &Section, key: &str) -> Fault {
    let keys = || section.settings.iter().map(|setting| setting.key);
    let nearest = homeless(key).or_else(|| nearest(key, keys()).map(str::to_owned));
    Fault::UnknownKey {
        section: section.name.to_owned(),
        key: quote(key),
        nearest,
        valid: list(keys()),
    }
}

/// Where a key belongs that is not where it belongs, if any section has it.
pub(super) fn homeless(key: &str) -> Option<String> {
    let mut all = SECTIONS.iter().flat_map(|section| section.settings);
    let setting = all.find(|setting| setting.key == key)?;
    Some(format!("[{}] {}", setting.section, setting.key))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

macro_rules! settings {
    ($(
        $(#[doc = $about:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:literal $field:ident: $Type:ty = $default:expr, $rule:expr;
            )+
        }
    )+) => {
        /// How a served node is set up; made by [`Settings::load`].
        ///
        /// A field whose key ends in a unit has the unit in its type instead:
        /// `drain_s` is [`NodeSettings::drain`].
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct Settings {
            $( $(#[doc = $about])+ pub $section: $Section, )+
        }

        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq)]
            #[non_exhaustive]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $field: $Type, )+
            }

            impl Default for $Section {
                fn default() -> $Section {
                    $Section { $( $field: $default, )+ }
                }
            }
        )+

        /// Every section, in the order in which people read them.
        pub(super) static SECTIONS: &[Section] = &[ $( Section {
            name: stringify!($section),
            about: concat!($($about),+),
            settings: &[ $( Setting {
                section: stringify!($section),
                key: $key,
                doc: concat!($($doc),+),
                rule: $rule,
                put: |settings, value| {
                    settings.$section.$field = Field::from_value(value)?;
                    Some(())
                },
                get: |settings| Field::to_value(&settings.$section.$field),
            }, )+ ],
        }, )+ ];
    };
}

settings! {
    /// The node itself.
    node: NodeSettings {
        /// What the node is called in answers, metrics and logs. Empty: the machine's host name.
        "name" name: String = String::new(), Rule::Text(form::NAME);
        /// Threads that run agents. 0: one for each CPU.
        "workers" workers: usize = 0, Rule::Whole { min: 0, max: WORKERS_MAX as u64 };
        /// How long requests that have begun may take to end once the node is told to stop, in
        /// seconds; what is left then is cut off.
        "drain_s" drain: Duration = seconds(10), Rule::Seconds { min: 0.0, max: 3_600.0 };
    }

    /// The port on which requests come in, and what a client may ask of it.
    http: HttpSettings {
        /// IP address and port to listen on. Port 0 picks a free one. An address that other
        /// machines can reach needs `[tls]` and `[auth]`.
        "listen" listen: SocketAddr = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 7400),
            Rule::Text(form::ADDRESS);
        /// Names by which clients may call this server in the `Host` header, besides its own
        /// addresses and `localhost`. Keeps web pages elsewhere from reaching it through a browser.
        "hosts" hosts: Vec<String> = Vec::new(), Rule::List(form::HOST);
        // A process is often allowed 20,000 open files; some are for other things.
        /// Connections held at once; more are closed as they come.
        "connections_max" connections_max: usize = 16_384, Rule::Whole { min: 1, max: 1_000_000 };
        // What servers commonly take: 8 to 16 KiB.
        /// Bytes that the head of a request may have, its first line included.
        "header_bytes_max" header_bytes_max: usize = 16_384,
            Rule::Whole { min: 1_024, max: 1 << 20 };
        // A guess: slow phones need two or three.
        /// How long the head of a request may take to arrive, in seconds.
        "header_timeout_s" header_timeout: Duration = seconds(10),
            Rule::Seconds { min: 0.1, max: 3_600.0 };
        // Browsers send about twenty, proxies add some.
        /// Headers that a request may have.
        "headers_max" headers_max: usize = 64, Rule::Whole { min: 1, max: 1_000 };
        /// Bytes that the body of a request may have.
        "body_bytes_max" body_bytes_max: usize = 1 << 20, Rule::Whole { min: 1, max: 1 << 30 };
        // 1 MiB in this time is 70 kB/s: a poor mobile line.
        /// How long the body of a request may take to arrive, in seconds.
        "body_timeout_s" body_timeout: Duration = seconds(15),
            Rule::Seconds { min: 0.1, max: 3_600.0 };
        // Longer than the 60 s for which common proxies keep a connection, so that they close first.
        /// How long a connection without a request is kept, in seconds.
        "idle_timeout_s" idle_timeout: Duration = seconds(75),
            Rule::Seconds { min: 0.1, max: 86_400.0 };
        /// Requests a second that one client address may make. 0: as many as it likes.
        "requests_per_s" requests_per_s: u32 = 0, Rule::Whole { min: 0, max: 1_000_000 };
        /// How connections come to their workers. `auto`: together, on as few as carry them, and
        /// passed on while a worker has all it can do and a CPU nothing; `even`: each to the next,
        /// as all that are encrypted.
        "spread" spread: Spread = Spread::Auto, Rule::Choice(&["auto", "even"]);
    }

    /// Who may do what.
    auth: AuthSettings {
        /// File of tokens, made with `nexus token create`. Empty: none are asked for, which is
        /// allowed on addresses of this machine alone.
        "tokens" tokens: Option<PathBuf> = None, Rule::Text(form::PATH);
    }

    /// Encryption of connections. Files are PEM, such as `nexus certs` makes.
    tls: TlsSettings {
        /// File of the server's certificate, followed by those that lead to its authority.
        "cert" cert: Option<PathBuf> = None, Rule::Text(form::PATH);
        /// File of the private key of that certificate.
        "key" key: Option<PathBuf> = None, Rule::Text(form::PATH);
        /// File of authorities. If set, only clients with a certificate from one of them get in.
        "client_ca" client_ca: Option<PathBuf> = None, Rule::Text(form::PATH);
    }

    /// The log, on standard error.
    log: LogSettings {
        /// How much is told; each level includes those before it.
        "level" level: LevelFilter = LevelFilter::WARN,
            Rule::Choice(&["off", "error", "warn", "info", "debug", "trace"]);
        /// Lines for people, or one JSON object a line.
        "format" format: LogFormat = LogFormat::Text, Rule::Choice(&["text", "json"]);
    }

    /// What happens on the node, as `/v1/events` tells it.
    events: EventsSettings {
        /// Whether everyday events are kept too: `agent.started`, `agent.stopped` and
        /// `agent.message_processed`. They come as often as messages do, and push each other out
        /// of the 4,096 that are kept; asking for one by its name is an error while they are not.
        "everyday" everyday: bool = false, Rule::Switch;
    }

    /// Traces of requests, sent to a collector.
    trace: TraceSettings {
        /// Where the collector takes OTLP over HTTP, as `http://HOST:4318`. Empty: none is sent.
        "otlp" otlp: String = String::new(), Rule::Text(form::COLLECTOR);
        /// Share of requests that are traced if their caller does not say.
        "sample" sample: f64 = 1.0, Rule::Fraction { min: 0.0, max: 1.0 };
        /// Name of the service in traces.
        "service" service: String = String::from("nexus"), Rule::Text(form::SERVICE);
    }

    /// Requests that may be sent again without being done again (`Idempotency-Key`).
    idempotency: IdempotencySettings {
        // A guess: clients that have not tried again after ten minutes have given up.
        /// How long the answer to a key is remembered, in seconds.
        "window_s" window: Duration = seconds(600), Rule::Seconds { min: 1.0, max: 86_400.0 };
        /// Answers remembered at once; the oldest is forgotten first.
        "entries_max" entries_max: usize = 65_536, Rule::Whole { min: 1, max: 10_000_000 };
    }

    /// Levels of intelligence above `reactive` that agents may be served by, if set to them. Who is
    /// set to one that is not enabled is served by the next lower one.
    levels: LevelsSettings {
        /// Whether agents of kinds with layers may be served by what was learned from past requests
        /// (`proactive`).
        "enable_learning" enable_learning: bool = false, Rule::Switch;
        /// Whether agents of kinds with layers may be served by behaviour that follows conditions
        /// (`adaptive`).
        "enable_adaptation" enable_adaptation: bool = false, Rule::Switch;
        /// Whether agents may act in swarms (`emergent`). Not built into this release.
        "enable_emergence" enable_emergence: bool = false, Rule::Switch;
    }

    /// Making use of the machine. What each is worth is measured in `docs/performance.md`.
    locality: LocalitySettings {
        /// Each worker stays on a CPU of its own.
        "pin" pin: bool = false, Rule::Switch;
        /// Workers and their memory are spread over the machine's NUMA nodes.
        "numa" numa: bool = false, Rule::Switch;
        /// Agents of each kind for which memory is made ready at the start.
        "prewarm" prewarm: usize = 0, Rule::Whole { min: 0, max: 10_000_000 };
        /// Memory of messages is used again.
        "message_pool" message_pool: bool = true, Rule::Switch;
        /// Folder for large state that is kept in mapped files, which may take what is free on its
        /// disk. Empty: it stays in memory.
        "mapped" mapped: Option<PathBuf> = None, Rule::Text(form::PATH);
        /// Time between two readings of a node that tries other settings of itself and keeps what
        /// pays, in seconds: 0.5 at least, 5 is good. 0: never.
        "tune_s" tune: Duration = Duration::ZERO, Rule::Seconds { min: 0.0, max: 3_600.0 };
    }
}
