//! A real Apache Kafka of one broker, on loopback, in a folder of its own.

mod access;
mod ports;
mod secured;
mod settings;
mod version;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Client, Proxy, paths, process::Process, wait};
use ports::ports;
use settings::Proxied;

pub use ports::free_ports;
pub use secured::{Identity, Issuer, Login, Secured, TOKEN_FILE};
pub use version::Version;

/// A fresh broker is up in 3 s here; a busy machine may take far longer.
const START_LIMIT: Duration = Duration::from_secs(90);

/// A JVM that is quick to start and small, as tests need it.
const QUICK: &[&str] = &[
    "-Xms64m",
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xshare:auto",
];
/// One that is quick once it is warm, as a broker of a cluster is.
const LASTING: &[&str] = &["-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-Xshare:auto"];

/// One broker, which is its own controller. Ends when dropped, or with the test process.
#[derive(Debug)]
pub struct TestCluster {
    version: Version,
    classpath: String,
    folder: PathBuf,
    data: PathBuf,
    bootstrap: String,
    machine: &'static [&'static str],
    /// Where it may look for the keys of tokens, if anywhere.
    keys: Option<String>,
    broker: Mutex<Option<Process>>,
}

impl TestCluster {
    /// Formats, starts and waits until the broker answers.
    ///
    /// # Errors
    /// When the jars are missing, or the broker doesn't come up within 90 s.
    pub fn start(version: Version) -> Result<Self> {
        let [port, controller] = ports()?;
        Self::launch(version, [port, controller], None, QUICK)
    }

    /// As [`TestCluster::start`], for measurements: the broker takes more memory and time to get warm, and a fraction of
    /// the CPU from then on.
    ///
    /// # Errors
    /// As [`TestCluster::start`].
    pub fn start_for_load(version: Version) -> Result<Self> {
        let [port, controller] = ports()?;
        Self::launch(version, [port, controller], None, LASTING)
    }

    /// As [`TestCluster::start`], with a proxy before it. Who comes by [`Proxy::bootstrap`] stays on the way
    /// through the proxy, who comes by [`TestCluster::bootstrap`] on the one past it.
    ///
    /// # Errors
    /// As [`TestCluster::start`].
    pub fn start_proxied(version: Version) -> Result<(Self, Proxy)> {
        let [port, controller, behind] = ports()?;
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], behind)))?;
        let proxied = Proxied {
            behind,
            advertised: proxy.port(),
        };
        let cluster = Self::launch(version, [port, controller], Some(proxied), QUICK)?;
        Ok((cluster, proxy))
    }

    /// As [`TestCluster::start`], with listeners that have TLS and ask who comes.
    ///
    /// # Errors
    /// As [`TestCluster::start`]; or no certificate can be made.
    pub fn start_secured(version: Version) -> Result<(Self, Secured)> {
        let [port, controller, secured, mutual] = ports()?;
        let secured = Secured::new(&paths::fresh_folder("certificates")?, [secured, mutual])?;
        let ports = [port, controller];
        let cluster = Self::launch_with(version, ports, None, Some(&secured), QUICK)?;
        Ok((cluster, secured))
    }

    fn launch(
        version: Version,
        ports: [u16; 2],
        proxied: Option<Proxied>,
        machine: &'static [&'static str],
    ) -> Result<Self> {
        Self::launch_with(version, ports, proxied, None, machine)
    }

    fn launch_with(
        version: Version,
        ports: [u16; 2],
        proxied: Option<Proxied>,
        secured: Option<&Secured>,
        machine: &'static [&'static str],
    ) -> Result<Self> {
        let libs = paths::target()
            .join("kafka")
            .join(version.folder())
            .join("libs");
        ensure!(
            libs.is_dir(),
            "no Kafka at {}: run `cargo xtask setup` first",
            libs.display()
        );
        let folder = paths::fresh_folder(&format!("kafka-{}", version.folder()))?;
        let data = folder.join("data");
        settings::write_all(&folder, &data, ports, proxied, secured)?;
        let cluster = Self {
            version,
            classpath: libs.join("*").display().to_string(),
            data,
            bootstrap: format!("127.0.0.1:{}", ports[0]),
            machine,
            keys: secured.map(Secured::keys),
            broker: Mutex::new(None),
            folder,
        };
        cluster.format(secured)?;
        cluster.restart()?;
        Ok(cluster)
    }

    /// The cluster of this test process, started by whoever asks first.
    ///
    /// # Panics
    /// When it can't be started: no test of the process can go on.
    #[expect(
        clippy::panic,
        reason = "tests only, and the chain of the error is what has to be read"
    )]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestCluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::start(Version::wanted()).unwrap_or_else(|error| panic!("{error:?}"))
        })
    }

    /// What goes into `bootstrap-servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A client of the tests' own.
    ///
    /// # Errors
    /// When librdkafka can't make one.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.bootstrap)
    }

    /// Creates a topic with a name of its own, `<name>-<n>`, and returns that.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<String> {
        let topic = unique(name);
        self.create_topic_named(&topic, partitions, configs)?;
        Ok(topic)
    }

    /// Creates a topic of exactly this name.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn create_topic_named(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        self.client()?.create_topic(name, partitions, configs)
    }

    /// Kills the broker as a power cut would.
    pub fn kill(&self) {
        if let Some(mut broker) = self.broker().take() {
            broker.kill();
        }
    }

    /// Lets the broker answer nothing until [`thaw`](Self::thaw).
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn freeze(&self) -> Result<()> {
        self.signal(crate::Signal::Stop)
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn thaw(&self) -> Result<()> {
        self.signal(crate::Signal::Cont)
    }

    fn signal(&self, signal: crate::Signal) -> Result<()> {
        match &mut *self.broker() {
            Some(broker) => broker.signal(signal),
            None => Ok(()),
        }
    }

    /// Stops the broker in good order, as an upgrade would.
    ///
    /// # Errors
    /// When it doesn't end within 90 s.
    pub fn stop(&self) -> Result<()> {
        if let Some(mut broker) = self.broker().take() {
            broker.signal(crate::Signal::Term)?;
            broker.wait_exit(START_LIMIT)?;
        }
        Ok(())
    }

    /// Starts the broker again on the same port and data, after [`TestCluster::kill`] or still running.
    ///
    /// # Errors
    /// When it doesn't come up within 90 s.
    pub fn restart(&self) -> Result<()> {
        self.kill();
        let mut command = self.java(self.machine);
        command
            .arg("kafka.Kafka")
            .arg(self.folder.join("server.properties"));
        let lives = self.log().matches(STARTED).count() + 1;
        let mut process = Process::spawn("kafka", command, &self.folder, Some(&self.data))?;
        process.wait_for_log_times(STARTED, lives, START_LIMIT)?;
        *self.broker() = Some(process);
        wait::until_true("the broker to answer", START_LIMIT, || {
            Ok(self.client()?.is_up())
        })
    }

    /// Runs a tool of Kafka's own, by the name of its script, with these arguments.
    ///
    /// # Errors
    /// When it fails, or isn't known here.
    pub fn tool(&self, script: &str, arguments: &[&str]) -> Result<()> {
        let class = self.version.tool(script);
        let class = class.with_context(|| format!("no class is known for {script}"))?;
        let mut command = self.java(QUICK);
        command.arg(class).args(arguments);
        let done = command.output()?;
        let said = || String::from_utf8_lossy(&done.stdout).into_owned();
        ensure!(
            done.status.success(),
            "Kafka's tool refuses {arguments:?}: {}",
            said()
        );
        Ok(())
    }

    /// The broker's log so far.
    pub fn log(&self) -> String {
        fs::read(self.folder.join("stdout.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The generation of a classic group, as the coordinator last logged it: it rises with every rebalance.
    /// No request of the protocol tells it to anyone but the members.
    pub fn generation(&self, group: &str) -> Option<u32> {
        let mark = format!("Stabilized group {group} generation ");
        let log = self.log();
        let (_, after) = log.rsplit_once(&mark)?;
        after.split(' ').next()?.parse().ok()
    }

    /// A JVM with Kafka on its class path.
    fn java(&self, machine: &[&str]) -> Command {
        let mut command = Command::new("java");
        let log4j = |file: &str| self.folder.join(file).display().to_string();
        command
            .args(machine)
            .arg(format!(
                "-Dlog4j2.configurationFile={}",
                log4j("log4j2.properties")
            ))
            .arg(format!(
                "-Dlog4j.configuration=file:{}",
                log4j("log4j.properties")
            ))
            .args(["-cp", &self.classpath]);
        if let Some(keys) = &self.keys {
            command.arg(format!("-D{ALLOWED_KEYS}={keys}"));
        }
        command
    }

    /// The values in a topic, as Kafka's own console consumer sees them with `read_committed`, among lines of its log.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn console_read_committed(&self, topic: &str) -> Result<Vec<Vec<u8>>> {
        let class = match self.version {
            Version::V4 => "org.apache.kafka.tools.consumer.ConsoleConsumer",
            Version::V3_9 => "kafka.tools.ConsoleConsumer",
        };
        let output = self
            .java(QUICK)
            .arg(class)
            .args(["--bootstrap-server", &self.bootstrap, "--topic", topic])
            .args(["--isolation-level", "read_committed"])
            .args(["--from-beginning", "--timeout-ms", "15000"])
            .output()
            .context("the console consumer")?;
        let lines = output.stdout.split(|byte| *byte == b'\n');
        Ok(lines
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect())
    }

    /// Writes the cluster's id into the data folder.
    fn format(&self, secured: Option<&Secured>) -> Result<()> {
        let mut command = self.java(QUICK);
        command
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(self.folder.join("server.properties"));
        if let Some(secured) = secured {
            command.args(["--add-scram", &secured.scram()]);
        }
        let done = command
            .output()
            .context("can't run java: run `cargo xtask setup` first")?;
        ensure!(
            done.status.success(),
            "Kafka can't format {}:\n{}{}",
            self.data.display(),
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(())
    }

    /// The broker, also after a test that held it has failed.
    fn broker(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.kill();
        // The logs stay; the data would only fill the disk.
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// The JVM's property that lists where a broker may look for the keys of tokens.
const ALLOWED_KEYS: &str = "org.apache.kafka.sasl.oauthbearer.allowed.urls";

/// The line with which a broker says that it is up.
const STARTED: &str = "Kafka Server started";

/// Any 16 bytes in base64url.
const CLUSTER_ID: &str = "cGVsdG9uLWhhcm5lc3MtMQ";

/// A name that nothing else in this test process has: for topics, groups and handlers.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
