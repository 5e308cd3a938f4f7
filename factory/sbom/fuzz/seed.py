#!/usr/bin/env python3
"""Writes the first inputs of every fuzz target into corpus/: small, whole, and of every kind that the target reads.

The fuzzer goes on from them; `run.sh --minimise` takes the best of what it found over. Berkeley DB needs db5.3_load
(Debian: db5.3-util).
"""

import base64
import gzip
import hashlib
import io
import json
import pathlib
import sqlite3
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "tests" / "fixtures"


def seed(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data if isinstance(data, bytes) else data.encode())


def header(name, big=False):
    """An rpm header with every tag that is read."""
    def strings(*words):
        return b"".join(word.encode() + b"\0" for word in words)

    files = [f"f{n}" for n in range(40 if big else 2)]
    entries = [
        (63, 7, 16, b"\0" * 16),
        (1000, 6, 1, strings(name)), (1001, 6, 1, strings("1.0")), (1002, 6, 1, strings("2")),
        (1003, 4, 1, struct.pack(">I", 3)), (1004, 9, 1, strings("Words")), (1011, 6, 1, strings("Vendor")),
        (1014, 6, 1, strings("MIT")), (1020, 6, 1, strings("https://example.org")), (1022, 6, 1, strings("noarch")),
        (1044, 6, 1, strings(f"{name}-1.0-2.src.rpm")), (5096, 6, 1, strings("m:s:1:c")),
        (1047, 8, 2, strings(name, "so(x)")), (1049, 8, 2, strings("rpmlib(x)", "/bin/sh")),
        (1117, 8, len(files), strings(*files)), (1118, 8, 2, strings("/usr/", "/etc/")),
        (1116, 4, len(files), b"".join(struct.pack(">I", n % 2) for n in range(len(files)))),
        (1030, 3, len(files), struct.pack(">H", 0o100644) * len(files)),
        (1037, 4, len(files), struct.pack(">I", 1) * len(files)),
        (1029, 1, len(files), b"\0" * len(files)),
        (5011, 4, 1, struct.pack(">I", 8)), (1035, 8, len(files), strings(*["ab" * 32] * len(files))),
    ]
    index, store = b"", b""
    for tag, kind, count, value in entries:
        index += struct.pack(">IIII", tag, kind, len(store), count)
        store += value
    return struct.pack(">II", len(entries), len(store)) + index + store


def sqlite():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "db"
        base = sqlite3.connect(path, isolation_level=None)
        base.execute("pragma page_size=512")
        base.execute("pragma journal_mode=wal")
        base.execute("pragma wal_autocheckpoint=0")
        base.execute("create table Packages(hnum integer primary key autoincrement, blob blob not null)")
        for n in range(8):
            base.execute("insert into Packages(blob) values (?)", (header(f"p{n}", n == 0)[: 900 if n else 9999],))
        base.execute("pragma wal_checkpoint(truncate)")
        closed = path.read_bytes()
        base.execute("insert into Packages(blob) values (?)", (b"short",))
        log = pathlib.Path(f"{path}-wal").read_bytes()
        half = max(len(closed), len(log))
        seed("rpm", "sqlite", closed)
        # A database may be longer than it says, a log as well.
        seed("rpm_log", "sqlite", closed.ljust(half, b"\0") + log.ljust(half, b"\0"))


def ndb():
    blob = header("a")
    pages = struct.pack("<4sIIII", b"RpmP", 0, 1, 1, 3).ljust(32, b"\0")
    blocks = (len(blob) + 28 + 15) // 16
    pages += struct.pack("<4sIII", b"Slot", 1, 256, blocks)
    pages += struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - len(pages)) // 16)
    body = struct.pack("<4sIII", b"BlbS", 1, 1, len(blob)) + blob
    body = body.ljust(blocks * 16 - 12, b"\0") + struct.pack("<II4s", 0, len(blob), b"BlbE")
    seed("rpm", "ndb", pages + body)


def bdb():
    lines = ["VERSION=3", "format=bytevalue", "type=hash", "db_pagesize=512", "HEADER=END"]
    for number, blob in [(0, b"\3\0\0\0"), (1, header("a")), (2, header("b", True)), (3, b"tiny")]:
        lines += [" " + struct.pack("<I", number).hex(), " " + blob.hex()]
    lines.append("DATA=END")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["db5.3_load", f"{folder}/db"], input="\n".join(lines) + "\n", text=True, check=True)
        seed("rpm", "bdb", pathlib.Path(f"{folder}/db").read_bytes())


MODULES = (
    "path\tx/cmd\nmod\tx\t(devel)\t\ndep\tgolang.org/x/text\tv0.3.8\th1:a=\n=>\t../text\t\t\n"
    "dep\ty\tv1.0.0\n=>\tz\tv2.0.0\th1:b=\nbuild\tvcs.revision=0123456789abcdef\n"
    "build\tvcs.time=2024-01-02T03:04:05Z\nbuild\tvcs.modified=true\nbuild\t-ldflags=\"-X main.version=1.2\"\n"
)


def programs():
    varint = lambda n: bytes([n & 0x7F | 0x80, n >> 7]) if n > 127 else bytes([n])
    marked = b"\1" * 16 + MODULES.encode() + b"\2" * 16
    info = (b"\xff Go buildinf:" + bytes([8, 2])).ljust(32, b"\0")
    info += varint(8) + b"go1.22.3" + varint(len(marked)) + marked
    crates = zlib.compress(json.dumps({"packages": [
        {"name": "a", "version": "1.0.0", "source": "local", "root": True, "dependencies": [1]},
        {"name": "b", "version": "2.0.0", "source": "crates.io", "kind": "build"}]}).encode())
    names = b"\0.go.buildinfo\0.dep-v0\0.shstrtab\0"
    at = 64
    sections, body = [b"\0" * 64], b""
    for name, data in ((1, info), (15, crates), (23, names)):
        sections.append(struct.pack("<IIQQQQIIQQ", name, 1, 3, 0x1000, at + len(body), len(data), 0, 0, 1, 0))
        body += data
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, at + len(body), 0, 64, 56, 0, 64, 4, 3)
    seed("binary", "elf", head + body + b"".join(sections))
    segment = struct.pack("<IIQQQQQQ", 1, 6, 120, 0x1000, 0x1000, len(info), len(info), 16)
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    seed("binary", "segment", head + segment + info)
    pointed = (b"\xff Go buildinf:" + bytes([8, 0]) + struct.pack("<QQ", 0x1020, 0x1030)).ljust(32, b"\0")
    pointed += struct.pack("<QQQQ", 0x1040, 8, 0x1048, len(marked)) + b"go1.16.5" + marked
    segment = struct.pack("<IIQQQQQQ", 1, 6, 120, 0x1000, 0x1000, len(pointed), len(pointed), 16)
    seed("binary", "pointers", head + segment + pointed)
    optional = struct.pack("<H", 0x20B).ljust(24, b"\0") + struct.pack("<Q", 0x400000)
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    table = b".data".ljust(8, b"\0") + struct.pack("<IIIIIIHHI", len(info), 0x1000, len(info), 160, 0, 0, 0, 0, 0xC0000000)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0)
    seed("binary", "pe", (dos + coff + optional + table).ljust(160, b"\0") + info)
    part = b"__go_buildinfo".ljust(16, b"\0") + b"__DATA".ljust(16, b"\0") + struct.pack("<QQIIIIIIII", 0, len(info), 184, 0, 0, 0, 0, 0, 0, 0)
    command = struct.pack("<II16sQQQQIIII", 0x19, 72 + 80, b"__DATA", 0, 0, 0, 0, 3, 3, 1, 0) + part
    mach = struct.pack("<IIIIIIII", 0xFEEDFACF, 0, 0, 2, 1, len(command), 0, 0)
    seed("binary", "macho", mach + command + info)
    seed("go_modules", "list", MODULES)
    seed("rust_crates", "list", crates)


POM = (
    "<?xml version='1.0'?><project><parent><groupId>g</groupId><version>1</version></parent><artifactId>a</artifactId>"
    "<version>${v}</version><properties><v>2</v></properties><licenses><license><name>A &amp; <![CDATA[B]]> &#50;</name>"
    "<url>https://example.org</url></license></licenses></project>"
)


def archives():
    def archive(files, method):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as z:
            for name, data in files:
                z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, compress_type=method)
        return out.getvalue()

    files = [
        ("META-INF/MANIFEST.MF", "Implementation-Version: 1\r\nBundle-SymbolicName: a.b;\r\n c=d\r\nBundle-License: MIT\r\n\r\n"),
        ("META-INF/maven/g/a/pom.properties", "version=1\ngroupId=g\nartifactId=a\n"), ("META-INF/maven/g/a/pom.xml", POM),
    ]
    for name, method in (("stored", zipfile.ZIP_STORED), ("packed", zipfile.ZIP_DEFLATED)):
        inner = archive(files, method)
        seed("java", name, inner)
        seed("java", f"nested-{name}", archive([("WEB-INF/lib/a-1.jar", inner)], method))
    seed("java", "script", b"#!/bin/sh\n" + archive(files, zipfile.ZIP_STORED))
    seed("pom", "pom", POM)
    seed("pom", "manifest", files[0][1])


def models():
    head = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}'
    seed("safetensors", "one", struct.pack("<Q", len(head)) + head + b"\0" * 12)
    text = lambda s: struct.pack("<Q", len(s)) + s.encode()
    words = [
        text("general.name") + struct.pack("<I", 8) + text("x"),
        text("u32") + struct.pack("<II", 4, 7), text("f") + struct.pack("<If", 6, 0.5), text("yes") + struct.pack("<IB", 7, 1),
        text("d") + struct.pack("<Id", 12, 0.5), text("i64") + struct.pack("<Iq", 11, -1), text("i16") + struct.pack("<Ih", 3, -1),
        text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b"),
        text("lists") + struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 4, 1) + b"\0" * 4,
    ]
    seed("gguf", "three", b"GGUF" + struct.pack("<IQQ", 3, 1, len(words)) + b"".join(words))
    seed("gguf", "one", b"GGUF" + struct.pack("<III", 1, 1, 1) + struct.pack("<I", 1) + b"a" + struct.pack("<IB", 0, 1))


def texts():
    seed("apk", "two", "C:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\nP:musl\nV:1-r0\nA:x86_64\nL:MIT\no:m\nm:J <j@x>\np:so:a=1\nF:lib\nR:a\n"
         "Z:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\nP:b\nV:2\nD:so:a !c d>1\n")
    seed("rpm_header", "small", header("a"))
    seed("rpm_header", "big", header("a", True))
    seed("rpm_manifest", "two", "a\t1-2\t1\t1\tV\t(none)\t1\tx86_64\t0\ta-1-2.src.rpm\nb\t1-1\t1\t1\tV\t3\t1\tnoarch\t3\tb.src.rpm\n")
    seed("conda", "one", json.dumps({"name": "a", "version": "1", "build": "b_0", "channel": "https://h/t/s/c/linux-64",
         "subdir": "linux-64", "fn": "a.conda", "license": "MIT", "md5": "0" * 32, "sha256": "0" * 64,
         "url": "https://u:p@h/t/s/c/linux-64/a.conda", "depends": ["b >=1"], "files": ["lib/a"]}))
    seed("gem", "one", """# -*- encoding: utf-8 -*-
# stub: a 1.0 x86_64-linux lib
# stub: ext/a/extconf.rb

Gem::Specification.new do |s|
  s.name = "a".freeze
  s.version = "1.0"
  s.platform = "x86_64-linux".freeze
  s.authors = ["J \\"x\\" \\u00E9 \\u{1F600} \\x26".freeze]
  s.homepage = "https://a.example".freeze
  s.licenses = ["MIT".freeze, "Ruby".freeze]
  s.summary = "s".freeze
  s.add_runtime_dependency(%q<b>.freeze, ["~> 1.4"])
  s.add_development_dependency(%q<c>.freeze, [">= 0"])
end
""")
    seed("documents", "spdx", json.dumps({"spdxVersion": "SPDX-2.3", "name": "n", "packages": [
        {"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1", "licenseDeclared": "MIT", "supplier": "Person: x",
         "checksums": [{"algorithm": "SHA1", "checksumValue": "a" * 40}],
         "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/a@1"}]}],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"}]}))
    seed("documents", "cyclonedx", json.dumps({"bomFormat": "CycloneDX", "metadata": {"component": {"type": "file", "bom-ref": "m"}},
        "components": [{"type": "library", "bom-ref": "l", "group": "g", "name": "n", "version": "1", "purl": "pkg:npm/n@1",
        "licenses": [{"expression": "MIT OR ISC"}, {"license": {"name": "x y"}}], "hashes": [{"alg": "SHA-256", "content": "a" * 64}],
        "components": [{"type": "library", "name": "i"}]}], "dependencies": [{"ref": "m", "dependsOn": ["l"]}]}))
    for name, words in {
        "gnu": "GPL-2+ or LGPL-2.1 with linking exception", "spdx": "(MIT AND Apache-2.0 WITH LLVM-exception) OR ISC",
        "words": "Apache License, Version 2.0", "mit": "Permission is hereby granted, free of charge, to any person",
    }.items():
        seed("licence", name, words)
    seed("dpkg_status", "three", "Package: a\nStatus: install ok installed\nPriority: optional\nMaintainer: A B <a@b>\n"
         "Architecture: amd64\nMulti-Arch: same\nSource: src (1.0)\nVersion: 1:1.0-1+b2\nDepends: b (>= 1) | c, d:any\n"
         "Conffiles:\n /etc/a d41d8cd98f00b204e9800998ecf8427e\nDescription: words\n more\n .\n\nPackage: b\n"
         "Status: deinstall ok config-files\nVersion: 2\n\nPackage: c\nStatus: install ok half-installed\nVersion: 3\nProvides: d\n")
    seed("dpkg_copyright", "dep5", "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n"
         "Copyright: 2020 A\n 2021 B\nLicense: GPL-2+ or Expat\n\nFiles: x\nCopyright: C\nLicense: other\n words\n .\n more\n")
    seed("dpkg_copyright", "prose", "Copyright (C) 2001 A\nOn Debian systems see `/usr/share/common-licenses/GPL-2'.\n")
    seed("os_release", "debian", "ID=debian\nVERSION_ID=\"12\"\nID_LIKE='a b'\nPRETTY_NAME=\"D \\\"x\\\"\"\nCPE_NAME=c\n")
    seed("python_metadata", "new", "Metadata-Version: 2.4\nName: A.b_c\nVersion: 1.0\nSummary: words\nLicense-Expression: MIT\n"
         "Author-email: A <a@b>, C <c@d>\nProject-URL: Homepage, https://example.org\nRequires-Dist: x[y] (>=1) ; extra == 'z'\n\nbody\n")
    seed("python_metadata", "old", "Name: a\nVersion: 1\nLicense: BSD\n  more\nAuthor: A\nClassifier: License :: OSI Approved :: MIT License\n")
    seed("python_record", "record", "a/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\"b,\"\"c.py\",,\n../../bin/a,md5=x,1\n")
    seed("package_json", "one", json.dumps({"name": "@s/a", "version": "1", "license": "MIT", "licenses": [{"type": "ISC"}],
         "author": "A <a@b> (https://c)", "dependencies": {"b": "1"}, "homepage": "https://x", "description": "words"}))
    seed("cuda_version", "one", json.dumps({"cuda": {"name": "CUDA SDK", "version": "12.4.1"}, "libcublas": {"name": "x", "version": "1"}}))


def house():
    """What the rest of the house reads: its own documents, and what comes back from engines and images."""
    root = HERE.parents[2]
    seed("manifest", "llm_serve", (root / "manifests/llm_serve.json").read_bytes())
    seed("template", "llm_serve", (root / "manifests/templates/llm_serve/0.1.0.json").read_bytes())
    for name in ("security", "core", "model_serve_mock"):
        seed("fragment", name, (root / f"fragments/{name}/0.1.0/fragment.json").read_bytes())
    seed("plan", "light", (root / "manifests/plans/baseline_core_light.json").read_bytes())
    seed("image_config", "debian", json.dumps({"architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
         "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"], "OnBuild": ["RUN x"], "Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}},
         "Healthcheck": {"Test": ["CMD", "x"], "Interval": 1000000000}}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "a" * 64]},
         "history": [{"created_by": "x", "empty_layer": True}]}))
    field = lambda number, data: bytes([number << 3 | 2, len(data)]) + data
    source = field(3, field(1, b"docker-image://docker.io/library/debian:bookworm"))
    terminal = field(1, field(1, b"sha256:" + hashlib.sha256(source).hexdigest().encode()))
    seed("definition", "one", field(1, source) + field(1, terminal))
    seed("explain_inputs", "one", json.dumps({"schema_version": 1, "product": "a", "platform": "linux/amd64", "fragments": []}))
    seed("dockerignore", "one", "# x\n*.o\n!/keep/../a\n./b//c\n\n")
    three = {
        0: "Package: a\nStatus: install ok installed\nVersion: 1\nDepends: b (>= 1)\n\nPackage: b\nStatus: install ok installed\nVersion: 1\n",
        1: "/bin/a\n/bin/a.real\nb\n", 2: "root root 4755 /bin/a\n", 3: "/usr/lib a\n",
        4: "auto\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/editor.1.gz\n\n/bin/vi\n10\n/usr/share/man/vi.1.gz\n\n",
        5: "Package: a\nArchitecture: amd64\nAuto-Installed: 1\n\n", 6: "Name: a/b\nTemplate: a/b\nValue: x\nOwners: a\n\n",
        7: "root:x:0:0:root:/root:/bin/sh\na:x:1000:1000::/a:/bin/sh\n", 8: "a:!::b\n", 9: "a:100000:65536\n",
        10: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 11: "glibc-ld.so.cache1.1",
    }
    for which, text in three.items():
        side = text.replace("1", "2", 1)
        seed("shared_databases", str(which), bytes([which]) + b"\0".join(t.encode() for t in (text, side, text + text)))


def side():
    """What registries, signers and builders say, and what people write for the side component."""
    index, manifest = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
    in_toto = "application/vnd.in-toto+json"

    def named(media_type, at, **more):
        """A descriptor whose digest says by its last digit which document is meant."""
        return {"mediaType": media_type, "digest": f"sha256:{at:064d}", "size": 2, **more}

    amd64 = {"os": "linux", "architecture": "amd64"}
    attested = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": f"sha256:{1:064d}"}
    config = {"os": "linux", "architecture": "amd64", "history": [{"created_by": "x"}, {"empty_layer": True}]}
    spdx = {"spdxVersion": "SPDX-2.3", "name": "n", "packages": [{"SPDXID": "SPDXRef-r", "name": "r"},
        {"SPDXID": "SPDXRef-a", "name": "openssl", "versionInfo": "3.0-1", "licenseDeclared": "MIT", "supplier": "Person: x",
         "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/openssl@3.0-1?arch=amd64"}],
         "checksums": [{"algorithm": "SHA256", "checksumValue": "aa"}], "annotations": [{"comment": "fragment core@0.1.0"}]}],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-r"},
        {"spdxElementId": "SPDXRef-r", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-a"}]}
    cyclonedx = {"bomFormat": "CycloneDX", "components": [{"type": "library", "group": "org", "name": "log4j-core",
        "version": "2.14", "purl": "pkg:maven/org/log4j-core@2.14", "components": [{"name": "i", "purl": "pkg:npm/%40s/n@1"}]}]}
    said = lambda kind, predicate: {"_type": "https://in-toto.io/Statement/v1", "predicateType": kind,
        "subject": [{"name": "a", "digest": {"sha256": f"{1:064d}"}}], "predicate": predicate}
    dump = lambda value: json.dumps(value).encode()
    documents = [
        {"schemaVersion": 2, "mediaType": index, "manifests": [named(manifest, 1, platform=amd64),
         named(manifest, 2, platform={"os": "unknown", "architecture": "unknown"}, annotations=attested)]},
        {"schemaVersion": 2, "mediaType": manifest, "config": named("application/vnd.oci.image.config.v1+json", 3), "layers": []},
        {"schemaVersion": 2, "mediaType": manifest, "config": named("application/vnd.oci.empty.v1+json", 3),
         "layers": [named(in_toto, 4, annotations={"in-toto.io/predicate-type": "https://spdx.dev/Document"})]},
        config, said("https://spdx.dev/Document", spdx),
        {"schemaVersion": 2, "mediaType": manifest, "artifactType": "application/spdx+json", "config": named("x", 3),
         "layers": [named("application/spdx+json", 6)], "subject": named(manifest, 1), "annotations": {"k": "v"}},
        spdx,
    ]
    for at in (0, 1):
        seed("image_document", str(at), dump(documents[at]))
    seed("gathered", "index", b"\0".join(dump(one) for one in documents))
    seed("gathered", "manifest", b"\0".join(dump(one) for one in [documents[1], documents[1], documents[5], config]))

    def tarred(files):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, data in files:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()

    blob = lambda media_type, data, **more: {"mediaType": media_type, "digest": "sha256:" + hashlib.sha256(data).hexdigest(),
        "size": len(data), **more}
    kept = dump(config)
    image = dump({"schemaVersion": 2, "mediaType": manifest, "config": blob("c", kept), "layers": []})
    path = lambda data: "blobs/sha256/" + hashlib.sha256(data).hexdigest()
    listed = dump({"schemaVersion": 2, "manifests": [blob(manifest, image, platform=amd64,
        annotations={"org.opencontainers.image.ref.name": "v1"})]})
    seed("oci_layout", "one", tarred([("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'), ("index.json", listed), (path(image), image),
        (path(kept), kept)]).rstrip(b"\0") + b"\0" * 1024)
    packed = lambda data: gzip.compress(data, mtime=0)
    seed("evidence", "log", packed(b"words\n"))
    seed("evidence", "outputs", packed(tarred([("core/a.stdout", b"x"), ("a" * 120 + "/b", b"y")])))
    seed("challenge", "bearer", 'Bearer realm="https://a.test/t",service="r",scope="repository:a/b:pull,push", Basic realm="a, \\"b"')
    seed("link_header", "next", '</first>; rel=first, </v2/a/referrers/x?last=y>; title=x; rel="next"')
    basic = base64.b64encode(b"me:p:w").decode()
    seed("docker_config", "auths", dump({"auths": {"reg.test:5000": {"auth": basic}, "https://index.docker.io/v1/": {"identitytoken": "t"},
        "x": {"username": "u", "password": "p"}}, "credHelpers": {"y": "z"}, "credsStore": "s"}))
    seed("image_name", "digest", "registry:reg.test:5000/a/b:v1@sha256:" + "a" * 64)
    seed("image_name", "short", "debian:bookworm-slim")
    seed("image_name", "platform", "linux/arm64/v8")
    statement = dump(said("https://spdx.dev/Document", spdx))
    envelope = {"payloadType": in_toto, "payload": base64.b64encode(statement).decode(),
        "signatures": [{"keyid": "", "sig": base64.b64encode(b"0" * 64).decode()}]}
    bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope,
        "verificationMaterial": {"publicKey": {"hint": "h"}}}
    for target in ("statement", "envelope"):
        seed(target, "envelope", dump(envelope))
    for target in ("statement", "bundle"):
        seed(target, "bundle", dump(bundle))
    seed("statement", "plain", statement)
    encoded = base64.b64encode(b"signature").decode()
    certificate = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").decode()
    digest = {"algorithm": "sha256", "value": hashlib.sha256(b"payload").hexdigest()}
    seed("log_entry", "dsse", dump({"kind": "dsse", "apiVersion": "0.0.1", "spec": {"payloadHash": digest,
        "signatures": [{"signature": encoded, "verifier": certificate}]}}))
    seed("log_entry", "hashedrekord", dump({"kind": "hashedrekord", "apiVersion": "0.0.1", "spec": {"data": {"hash": digest},
        "signature": {"content": encoded, "publicKey": {"content": certificate}}}}))
    seed("log_entry", "intoto", dump({"kind": "intoto", "apiVersion": "0.0.2", "spec": {"content": {"payloadHash": digest,
        "envelope": {"signatures": [{"sig": encoded, "publicKey": certificate}]}}}}))
    second = {"content": encoded, "verifier": {"x509Certificate": {"rawBytes": "MAA="}}}
    seed("log_entry", "second", dump({"kind": "dsse", "apiVersion": "0.0.2", "spec": {"dsseV002": {"payloadHash": {"algorithm":
        "SHA2_256", "digest": encoded}, "signatures": [second]}}}))
    seed("checkpoint", "one", "log.test - 1\n7\n" + base64.b64encode(b"0" * 32).decode() + "\n\n\u2014 log.test "
        + base64.b64encode(b"\0" * 68).decode() + "\n")
    claims = base64.urlsafe_b64encode(dump({"sub": "me", "email": "me@x.test", "exp": 1.5})).decode().rstrip("=")
    seed("identity_token", "one", f"e30.{claims}.e30")
    log = {"publicKey": {"rawBytes": base64.b64encode(bytes.fromhex("302a300506032b6570032100") + b"\x66" * 32).decode(),
        "validFor": {"start": "2021-01-12T11:53:27.000Z"}}, "logId": {"keyId": encoded}}
    authority = {"certChain": {"certificates": [{"rawBytes": "MAA="}]}, "validFor": {"start": "2021-01-12T11:53:27Z", "end":
        "2022-01-12T11:53:27Z"}}
    seed("trusted_root", "one", dump({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": [log],
        "ctlogs": [log], "certificateAuthorities": [authority], "timestampAuthorities": [authority]}))
    seed("image_signature", "one", dump({"critical": {"identity": {"docker-reference": "a"}, "type": "cosign container image signature",
        "image": {"docker-manifest-digest": "sha256:" + "a" * 64}}, "optional": None}) + b"\0" + base64.b64encode(b"0" * 64))
    pem = lambda label, data: f"-----BEGIN {label}-----\n" + base64.encodebytes(data).decode() + f"-----END {label}-----\n"
    seed("key_file", "ed25519", pem("PRIVATE KEY", bytes.fromhex("302e020100300506032b657004220420") + b"\1" * 32))
    seed("key_file", "encrypted", pem("ENCRYPTED SIGSTORE PRIVATE KEY", dump({"kdf": {"name": "scrypt", "params": {"N": 2, "r": 1,
        "p": 1}, "salt": "AAAA"}, "cipher": {"name": "nacl/secretbox", "nonce": "A" * 32}, "ciphertext": "A" * 64})))
    seed("key_file", "public", pem("PUBLIC KEY", bytes.fromhex("302a300506032b6570032100") + b"\1" * 32))
    seed("list_of_packages", "spdx", dump(spdx))
    seed("list_of_packages", "cyclonedx", dump(cyclonedx))
    vcs = {"vcs": {"source": "https://git.test/x"}}
    source = {"uri": "https://git.test/x.git#main"}
    seed("provenance", "old", dump({"builder": {"id": "b"}, "invocation": {"configSource": source},
        "metadata": {"https://mobyproject.org/buildkit@v1#metadata": vcs}}))
    seed("provenance", "new", dump({"buildDefinition": {"externalParameters": {"configSource": source}},
        "runDetails": {"builder": {"id": "b"}, "metadata": {"buildkit_metadata": vcs}}}))
    seed("provenance", "time", "2026-11-20T10:00:43.5Z")
    digest = lambda digit: "sha256:" + digit * 64
    record = {"schema_version": 1, "build_id": "b-1", "manifest_id": "app", "product_id": "r.io/app", "base_digest": digest("b"),
        "fragments": [{"name": "core", "version": "0.1.0", "digest": digest("c")}], "platform": "linux/amd64", "arch": "amd64",
        "execution": "native", "selection_key": digest("1"), "test_hash": digest("2"), "tests": [{"name": "core/python",
        "verdict": "pass", "location": "f.json:1", "wall_ms": 1, "cpu_ms": 1, "peak_memory": 1}], "result": {"status": "pass",
        "tested_at": "2026-11-20T10:00:43Z"}, "evidence": {"path": "evidence/b-1.log"}, "frontend_version": "0.1.0", "helper_version": "0.1.0"}
    error = {"schema_version": 1, "build_id": "b-1", "manifest_id": "app", "kind": "step", "message": "m", "log_excerpt": ["x"]}
    seed("record", "two", dump(record) + b"\0" + dump(error))
    seed("statement", "record", dump(said("https://factory.invalid/record/v1", {"record": record, "evidence": "words"})))
    seed("policy", "all", dump({"signature": {"keys": ["keys/release.pub"]}, "platforms": {"require": ["linux/amd64"]},
        "builder": ["https://ci.example/*"], "source": {"repositories": ["https://git.example/*"]}, "fragments": {"require":
        [{"name": "security", "versions": ">=0.1.0"}]}, "tests": {"require": ["core/python"]}, "gpu": {"models": ["NVIDIA H*"],
        "driver": ">=550", "excused": [{"manifest": "a", "until": "2027-03-31", "reason": "r"}]}, "sbom": {"formats": ["spdx"]},
        "packages": {"deny": [{"name": "xz-utils", "versions": ">=5.6.0,<5.6.2", "purl": "pkg:deb/debian/xz-utils"}]},
        "record": {"max_age_days": 30}, "base": {"images": ["debian:bookworm-slim"]}}))
    hashed = {"version": "3.7", "hashes": [digest("c")]}
    seed("lock", "one", dump({"schema_version": 1, "manifest": "llm_serve", "images": {"docker.io/library/debian:bookworm-slim":
        {"digest": digest("a"), "platforms": {"linux/amd64": {"architecture": "amd64", "os": "linux", "config": {"Env": ["A=b"]}}}}},
        "fragments": {"core 0.1.0": {"linux/amd64": {"built_on": ["debian:bookworm-slim"], "steps": {"steps/0": {"asked": ["python3"],
        "apt": {"python3": "3.11.2-1+b1"}}, "steps/1": {"asked": ["-r r.txt"], "pip": {"files": {"r.txt": digest("b")}, "options": [],
        "packages": {"idna": hashed}}}}}}}}))
    seed("installer", "apt", "Inst a [1] (1:2-1 Debian:12/stable [amd64])\nConf a\n")
    seed("installer", "pip", dump({"install": [{"metadata": {"name": "A_b", "version": "1"}, "download_info": {"url": "https://x",
        "archive_info": {"hashes": {"sha256": "a" * 64}, "hash": "sha256=" + "a" * 64}}}]}))
    seed("installer", "uv", "# x\na==1 \\\n    --hash=sha256:" + "a" * 64 + "\nb==2 --hash=sha256:" + "b" * 64 + "\n")
    seed("installer", "requirements", "-r other.txt\n--index-url https://x # words\na==1\n-c ../c.txt\n")
    seed("versions", "debian", ">=1:2.0~rc1-1,<3\n1:2.0-1+b2")
    seed("versions", "python", ">=1!2.0rc1.post2.dev3,!=2\n1!2.0.0a1+local.7")
    seed("versions", "semantic", ">=1.2,<2\nv1.2.3-rc.1+build")


sqlite()
ndb()
bdb()
house()
side()
programs()
archives()
models()
texts()
