//! Connections to a registry and to where it sends us, each directly or through the proxy that stands before it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::config::{Config, RedirectAuthHeaders};
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::access::Access;
use super::fault::{Fault, Result};
use super::proxies::{Address, Proxies};
use super::tls;

/// Whoever is asked, in whichever way leads there.
#[derive(Debug)]
pub(super) struct Connections {
    proxies: Proxies,
    direct: Agent,
    /// Through the proxy for addresses with TLS.
    https: Option<Agent>,
    /// Through the proxy for those without.
    http: Option<Agent>,
}

impl Connections {
    /// For a registry, which is `plain` where it is spoken to without TLS.
    ///
    /// # Errors
    /// Certificates that are none, a proxy that is none.
    pub(super) fn new(access: &Access, registry: &str, plain: bool) -> Result<Self> {
        let patience = access.patience;
        let tls = match tls::config(access, registry) {
            Ok(config) => Some(config),
            // Who is spoken to plainly may yet send us to somebody with TLS, and then it is seen that this cannot be.
            Err(_) if plain => None,
            Err(fault) => return Err(fault),
        };
        let config = |proxy: Option<Proxy>| -> Config {
            let config = Agent::config_builder()
                .user_agent(concat!("factory/", env!("CARGO_PKG_VERSION")))
                .http_status_as_error(false)
                .https_only(!plain)
                .proxy(proxy)
                // Each address has its own way, so it is for us to go there.
                .max_redirects(0)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .timeout_connect(Some(patience.connect))
                .timeout_per_read(Some(patience.read))
                .timeout_per_write(Some(patience.read))
                .timeout_recv_response(Some(patience.read));
            match &tls {
                Some(tls) => config.tls_config(tls.clone()).build(),
                None => config.build(),
            }
        };
        let tunnel = |address: &Address| Ok(config(Some(proxy(address)?)).new_agent());
        let plainly = |address: &Address| {
            let proxy = proxy(address)?;
            Ok(match proxy.protocol() {
                // Such proxies want to be asked for what is without TLS, and open tunnels to nothing else.
                ProxyProtocol::Http => Agent::with_parts(
                    config(None),
                    ().chain(TcpConnector::default()).chain(Asking::of(&proxy)),
                    AtProxy(proxy.uri().clone()),
                ),
                _ => config(Some(proxy)).new_agent(),
            })
        };
        Ok(Self {
            direct: config(None).new_agent(),
            https: access.proxies.https().map(tunnel).transpose()?,
            http: access.proxies.http().map(plainly).transpose()?,
            proxies: access.proxies.clone(),
        })
    }

    /// What to reach an address with.
    pub(super) fn to(&self, url: &str) -> &Agent {
        // What is no address is told by whoever tries to reach it.
        let Ok(url) = url.parse::<Uri>() else { return &self.direct };
        let through = if url.scheme_str() == Some("http") { &self.http } else { &self.https };
        through.as_ref().filter(|_| !self.proxies.is_direct(&url)).unwrap_or(&self.direct)
    }
}

fn proxy(address: &Address) -> Result<Proxy> {
    // What is wrong with it is not shown: there may be a password in it.
    let wrong = || {
        Fault::Usage(format!(
            "{} holds no address of a proxy, such as http://proxy.example:3128",
            address.variable
        ))
    };
    Proxy::new(&address.text).ok().filter(|proxy| !proxy.host().is_empty()).ok_or_else(wrong)
}

/// Every address is at the proxy: names of what is behind it need not be known here.
#[derive(Debug)]
struct AtProxy(Uri);

impl Resolver for AtProxy {
    fn resolve(
        &self,
        _: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        DefaultResolver::default().resolve(&self.0, config, timeout)
    }
}

/// Asks a proxy for whole addresses.
#[derive(Debug)]
struct Asking {
    /// The header by which we log in there.
    login: String,
}

impl Asking {
    fn of(proxy: &Proxy) -> Self {
        let login = match (proxy.username(), proxy.password()) {
            (None, None) => String::new(),
            (name, password) => {
                let login = format!("{}:{}", name.unwrap_or_default(), password.unwrap_or_default());
                format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(login))
            }
        };
        Self { login }
    }
}

impl<In: Transport> Connector<In> for Asking {
    type Out = Asked<In>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Asked<In>>, ureq::Error> {
        let authority = details.uri.authority().map(|one| one.host().to_owned() + &port(one.port_u16()));
        let origin = format!("http://{}", authority.unwrap_or_default());
        Ok(chained.map(|inner| Asked { inner, origin, login: self.login.clone(), begins: true }))
    }
}

fn port(port: Option<u16>) -> String {
    port.map(|port| format!(":{port}")).unwrap_or_default()
}

/// A connection to a proxy, for one origin behind it.
#[derive(Debug)]
struct Asked<T> {
    inner: T,
    /// `http://host:port`.
    origin: String,
    login: String,
    /// What is sent next is the head of a request.
    begins: bool,
}

impl<T: Transport> Asked<T> {
    /// Makes the head of a request, the first `amount` bytes that go out, one that a proxy wants.
    fn amend(&mut self, amount: usize) -> Result<usize, ureq::Error> {
        let wrong = |why: &str| ureq::Error::Io(std::io::Error::other(why.to_owned()));
        let output = self.inner.buffers().output();
        let head = output.get(..amount).unwrap_or_default();
        // `GET /path HTTP/1.1`, and then headers.
        let target = head.iter().position(|byte| *byte == b' ').map(|at| at + 1);
        let line = head.windows(2).position(|two| two == b"\r\n").map(|at| at + 2);
        let (Some(target), Some(line)) = (target, line) else {
            return Err(wrong("a request without a first line"));
        };
        let (method, path) = head.split_at(target.min(line));
        let (path, headers) = path.split_at(line.saturating_sub(method.len()));
        let amended = [method, self.origin.as_bytes(), path, self.login.as_bytes(), headers].concat();
        let room = output.get_mut(..amended.len()).ok_or_else(|| wrong("a request that is too long"))?;
        room.copy_from_slice(&amended);
        Ok(amended.len())
    }
}

impl<T: Transport> Transport for Asked<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let amount = if std::mem::take(&mut self.begins) { self.amend(amount)? } else { amount };
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        // Nothing is sent between a request and its answer.
        self.begins = true;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}
