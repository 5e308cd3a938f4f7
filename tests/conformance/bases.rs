//! What the cases build on.

use std::io::Write;
use std::process::Stdio;
use std::sync::OnceLock;

use factory_tests::{BuildOptions, Lab, Project};

/// The base of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// Nothing at all.
    Scratch,
    /// A small system with a shell, the usual programs, accounts, and files that copies can collide with.
    Tools,
    /// No files, and everything that an image config can say.
    Configured,
    /// A file, and a config that has a search path and nothing more.
    Plain,
    /// A file and triggers.
    Triggers,
    /// A file, and a config that says nothing, not even a search path.
    Bare,
}

const TOOLS: &str = "localhost/factory-tests/conformance:tools";
const CONFIGURED: &str = "localhost/factory-tests/conformance:configured";
const PLAIN: &str = "localhost/factory-tests/conformance:plain";
const TRIGGERS: &str = "localhost/factory-tests/conformance:triggers";
const BARE: &str = "localhost/factory-tests/conformance:bare";

/// A system of parts of Debian: merged `/usr` with its links, accounts with a group of their own and a further one, and
/// under `/srv` and `/opt` what copies meet: folders, links to folders, hard links, odd modes, owners.
const TOOLS_DOCKERFILE: &str = r#"FROM debian:bookworm-slim AS debian
RUN <<END
set -e
mkdir -p /t/usr/bin /t/usr/lib /t/usr/lib64 /t/etc /t/tmp /t/root /t/var/tmp /t/home/app /t/dev /t/proc /t/sys
ln -s usr/bin /t/bin
ln -s usr/lib /t/lib
ln -s usr/lib64 /t/lib64
chmod 1777 /t/tmp /t/var/tmp
chmod 0700 /t/root
for program in cat chmod chown cp cut dd env false find grep head hostname id ln ls mkdir mkfifo mknod mv od printf pwd \
    readlink rm rmdir sed sh sleep sort stat tail tar touch tr true wc; do
  cp -L /usr/bin/$program /t/usr/bin/$program
  ldd /t/usr/bin/$program | sed -n 's/.* => \(.*\) (.*/\1/p; s/^\t\(\/[^ ]*\) (.*/\1/p' >> /libs
done
sort -u /libs | while read lib; do cp -L --parents "$lib" /t; done
cat > /t/etc/passwd <<ACCOUNTS
root:x:0:0:root:/root:/bin/sh
app:x:1000:1000:App:/home/app:/bin/sh
svc:x:200:300:Service:/:/bin/sh
ACCOUNTS
cat > /t/etc/group <<ACCOUNTS
root:x:0:
app:x:1000:
service:x:300:
extra:x:400:app
ACCOUNTS
chown 1000:1000 /t/home/app
mkdir -p /t/srv/data/sub /t/srv/empty /t/srv/private /t/srv/x /t/opt
echo one > /t/srv/data/one.txt
echo two > /t/srv/data/sub/two.txt
echo hidden > /t/srv/data/.hidden
echo file > /t/srv/file
echo tool > /t/srv/tool
chmod 4755 /t/srv/tool
echo mine > /t/srv/private/mine
chown -R 1000:1000 /t/srv/private
chmod 0700 /t/srv/private
echo hard > /t/srv/hard-a
ln /t/srv/hard-a /t/srv/hard-b
ln -s file /t/srv/link-to-file
ln -s /srv/data /t/opt/link
ln -s ../srv/data /t/opt/relative
ln -s /srv/nowhere /t/opt/dangling
END
FROM scratch
COPY --from=debian /t /
"#;

const CONFIGURED_DOCKERFILE: &str = r#"FROM scratch
COPY Dockerfile /from-base
ENV BASE_ONLY=base SHARED=base PATH=/base/bin:/usr/bin:/bin
LABEL base.only=base shared=base
USER 200:300
WORKDIR /base/work
EXPOSE 80 53/udp
VOLUME /base/volume
STOPSIGNAL SIGQUIT
SHELL ["/base/sh", "-euc"]
HEALTHCHECK --interval=7s --retries=4 CMD ["/base/check"]
ENTRYPOINT ["/base/entry", "a"]
CMD ["b", "c"]
"#;

const PLAIN_DOCKERFILE: &str = "FROM scratch\nCOPY Dockerfile /from-base\n";

const TRIGGERS_DOCKERFILE: &str =
    "FROM scratch\nCOPY Dockerfile /from-base\nONBUILD ENV TRIGGERED=yes\nONBUILD LABEL triggered=yes\n";

impl Base {
    /// What a manifest and `FROM` call it. The image is made on first use.
    pub(crate) fn reference(self) -> &'static str {
        match self {
            Self::Scratch => "scratch",
            Self::Tools => made(&TOOLS_MADE, TOOLS, TOOLS_DOCKERFILE),
            Self::Configured => made(&CONFIGURED_MADE, CONFIGURED, CONFIGURED_DOCKERFILE),
            Self::Plain => made(&PLAIN_MADE, PLAIN, PLAIN_DOCKERFILE),
            Self::Triggers => made(&TRIGGERS_MADE, TRIGGERS, TRIGGERS_DOCKERFILE),
            Self::Bare => {
                BARE_MADE.get_or_init(import_bare);
                BARE
            }
        }
    }

    /// `text` with the names of bases in it written out: `{tools}`, `{configured}`.
    pub(crate) fn written_out(text: &str) -> String {
        let bases = [("{tools}", Self::Tools), ("{configured}", Self::Configured)];
        bases.into_iter().fold(text.to_owned(), |text, (word, base)| match text.contains(word) {
            true => text.replace(word, base.reference()),
            false => text,
        })
    }
}

static TOOLS_MADE: OnceLock<()> = OnceLock::new();
static CONFIGURED_MADE: OnceLock<()> = OnceLock::new();
static PLAIN_MADE: OnceLock<()> = OnceLock::new();
static TRIGGERS_MADE: OnceLock<()> = OnceLock::new();
static BARE_MADE: OnceLock<()> = OnceLock::new();

fn made(once: &OnceLock<()>, name: &'static str, dockerfile: &str) -> &'static str {
    once.get_or_init(|| {
        let project = Project::empty();
        project.write("Dockerfile", dockerfile);
        let _ = project.dockerfile_build("Dockerfile", &BuildOptions::store(name)).succeeded();
    });
    name
}

/// Only `docker import` makes an image whose config says nothing.
fn import_bare() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, "bare.txt", &b"bare\n"[..]).unwrap();
    let bytes = archive.into_inner().unwrap();
    let mut command = Lab::get().docker();
    let mut child =
        command.args(["import", "-", BARE]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert!(child.wait().unwrap().success(), "docker import");
}
