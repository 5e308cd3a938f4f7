//! `factory keys …`, and the reading of keys and passwords for every command that has any.

use std::fs::{self, Permissions};
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use zeroize::Zeroizing;

use super::answer;
use crate::exit::{Error, Result};
use crate::signing::{KeyKind, PrivateKey, PublicKey, key_file};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Make a pair of keys, as `cosign generate-key-pair` does
    Generate(Generate),
    /// Print the public half of a key
    Public(Public),
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Where the keys go: PREFIX.key and PREFIX.pub. Files that are there are left alone
    #[arg(long, default_value = "factory", value_name = "PREFIX")]
    pub(crate) output: PathBuf,
    /// The kind of key
    #[arg(long, value_enum, default_value_t = Kind::Ecdsa)]
    pub(crate) kind: Kind,
    #[command(flatten)]
    pub(crate) password: Password,
    /// Write the private key as it is
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) no_password: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Public {
    /// A private or a public key
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) password: Password,
}

/// Where the password of a private key is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Password {
    /// A file with the private key's password; else FACTORY_KEY_PASSWORD, COSIGN_PASSWORD, or the terminal is asked
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// ECDSA P-256, which everything reads
    Ecdsa,
    /// Ed25519
    Ed25519,
}

/// The variables that a password may be in; the second one is cosign's.
const VARIABLES: [&str; 2] = ["FACTORY_KEY_PASSWORD", "COSIGN_PASSWORD"];
/// The longest key file in bytes.
const LONGEST: u64 = 1 << 16;

pub(crate) fn run(action: &KeysAction) -> Result<()> {
    match action {
        KeysAction::Generate(arguments) => generate(arguments),
        KeysAction::Public(arguments) => public(arguments),
    }
}

fn generate(arguments: &Generate) -> Result<()> {
    let with = |end: &str| {
        let mut path = arguments.output.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    };
    let (private, public) = (with(".key"), with(".pub"));
    for path in [&private, &public] {
        if path.symlink_metadata().is_ok() {
            return Err(Error::Usage(format!("{} is there already; it is left alone", path.display())));
        }
    }
    let kind = match arguments.kind {
        Kind::Ecdsa => KeyKind::EcdsaP256,
        Kind::Ed25519 => KeyKind::Ed25519,
    };
    let password = match arguments.no_password {
        true => None,
        false => Some(arguments.password.new_one()?),
    };
    let key = PrivateKey::generate(kind)?;
    let text = key_file::write(&key, password.as_deref().map(String::as_str))?;
    put(&private, 0o600, text.as_bytes())?;
    put(&public, 0o644, key.public().to_pem().as_bytes())?;
    answer(&format!(
        "private  {}\npublic   {}\nid       {}\n",
        private.display(),
        public.display(),
        key.public().id()
    ));
    Ok(())
}

/// A new file, whole or not at all; one that is there is left alone.
fn put(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let failed = |fault: std::io::Error| Error::Usage(format!("{}: {fault}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut file = builder
        .prefix(".new-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist_noclobber(path).map(drop).map_err(|fault| failed(fault.error))
}

fn public(arguments: &Public) -> Result<()> {
    let text = read(&arguments.key)?;
    let key = match PublicKey::from_pem(&text) {
        Ok(key) => key,
        Err(_) => arguments.password.open(&arguments.key, &text)?.public(),
    };
    answer(&format!("{}id {}\n", key.to_pem(), key.id()));
    Ok(())
}

/// The text of a key file.
fn read(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |fault: &dyn std::fmt::Display| Error::Usage(format!("{}: {fault}", path.display()));
    let length = fs::metadata(path).map_err(|fault| failed(&fault))?.len();
    if length > LONGEST {
        return Err(failed(&format!("{length} bytes are more than any key has")));
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(|fault| failed(&fault))
}

/// The public key in a file.
///
/// # Errors
/// There is none.
pub(crate) fn public_key(path: &Path) -> Result<PublicKey> {
    PublicKey::from_pem(&read(path)?).map_err(|fault| Error::Usage(format!("{}: {fault}", path.display())))
}

impl Password {
    /// The private key in a file.
    ///
    /// # Errors
    /// There is none, or the password does not open it.
    pub(crate) fn private_key(&self, path: &Path) -> Result<PrivateKey> {
        self.open(path, &read(path)?)
    }

    fn open(&self, path: &Path, text: &str) -> Result<PrivateKey> {
        let asked = || self.known_or(|| ask(&format!("password of {}: ", path.display())));
        key_file::read(text, asked).map_err(|fault| match fault {
            Error::Usage(fault) => Error::Usage(format!("{}: {fault}", path.display())),
            other => other,
        })
    }

    /// The password of a new key: asked for twice where nothing says it.
    fn new_one(&self) -> Result<Zeroizing<String>> {
        self.known_or(|| {
            let first = ask("password of the new key: ")?;
            if first.is_empty() {
                return Err(Error::Usage(
                    "the password is empty; `--no-password` writes the key as it is".to_owned(),
                ));
            }
            match *ask("the same again: ")? == *first {
                true => Ok(first),
                false => Err(Error::Usage("the two passwords are not the same".to_owned())),
            }
        })
    }

    fn known_or(&self, ask: impl FnOnce() -> Result<Zeroizing<String>>) -> Result<Zeroizing<String>> {
        if let Some(path) = &self.password_file {
            let text = read(path)?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            return Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()));
        }
        let variable = VARIABLES.iter().find_map(|name| std::env::var(name).ok());
        variable.map_or_else(ask, |password| Ok(Zeroizing::new(password)))
    }
}

/// Asks the terminal, without showing what is typed.
fn ask(what: &str) -> Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!(
            "the key needs a password, and there is no terminal to ask: set {}, or give `--password-file`",
            VARIABLES[0]
        )));
    }
    let password = rpassword::prompt_password(what);
    password
        .map(Zeroizing::new)
        .map_err(|fault| Error::Usage(format!("the terminal gives no password: {fault}")))
}
