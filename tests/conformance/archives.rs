//! `copy` with `unpack`: archives, as `ADD` treats them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::bases::Base::{Scratch, Tools};
use crate::case::on;

/// An archive with folders, modes, owners, links, hard links and an extended attribute.
pub(crate) fn archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add =
        |path: &str, kind: tar::EntryType, mode: u32, owner: u64, link: Option<&str>, content: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(owner);
            header.set_gid(owner);
            header.set_mtime(1_000_000_000);
            header.set_size(content.len() as u64);
            match link {
                Some(target) => archive.append_link(&mut header, path, target).unwrap(),
                None => archive.append_data(&mut header, path, content).unwrap(),
            }
        };
    add("pack/", tar::EntryType::Directory, 0o750, 12, None, b"");
    add("pack/data.txt", tar::EntryType::Regular, 0o640, 34, None, b"packed\n");
    add("pack/tool", tar::EntryType::Regular, 0o4755, 0, None, b"#!/bin/sh\n");
    add("pack/link", tar::EntryType::Symlink, 0o777, 56, Some("data.txt"), b"");
    add("pack/hard", tar::EntryType::Link, 0o640, 34, Some("pack/data.txt"), b"");
    add("top.txt", tar::EntryType::Regular, 0o644, 0, None, b"top\n");
    archive.into_inner().unwrap()
}

/// An archive of one file with an extended attribute.
fn archive_with_attribute() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_pax_extensions([("SCHILY.xattr.user.colour", &b"green"[..])]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(1);
    archive.append_data(&mut header, "coloured", &b"x"[..]).unwrap();
    archive.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The output of a compressor of the machine, which reads its input from a pipe.
fn compressed(program: &str, bytes: &[u8]) -> Vec<u8> {
    use std::process::{Command, Stdio};
    let mut command = Command::new(program);
    let mut child = command.arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn a_plain_archive_is_unpacked() {
    on(Scratch)
        .file("pack.tar", archive())
        .step(json!({"copy": {"src": "pack.tar", "dest": "/out/", "unpack": true}}))
        .like("ADD pack.tar /out/");
}

#[test]
fn a_gzipped_archive_is_unpacked() {
    on(Scratch)
        .file("pack.tgz", gzip(&archive()))
        .step(json!({"copy": {"src": "pack.tgz", "dest": "/out", "unpack": true}}))
        .like("ADD pack.tgz /out");
}

#[test]
fn archives_of_other_compressors_are_unpacked() {
    on(Scratch)
        .file("pack.tar.xz", compressed("xz", &archive()))
        .file("pack.tar.bz2", compressed("bzip2", &archive()))
        .steps(json!([
            {"copy": {"src": "pack.tar.xz", "dest": "/xz/", "unpack": true}},
            {"copy": {"src": "pack.tar.bz2", "dest": "/bz2/", "unpack": true}}
        ]))
        .like("ADD pack.tar.xz /xz/\nADD pack.tar.bz2 /bz2/");
}

#[test]
fn an_archive_is_known_by_its_bytes() {
    on(Scratch)
        .file("pack.dat", gzip(&archive()))
        .file("text.tar", "no archive at all\n")
        .steps(json!([
            {"copy": {"src": "pack.dat", "dest": "/out/", "unpack": true}},
            {"copy": {"src": "text.tar", "dest": "/out/", "unpack": true}}
        ]))
        .like("ADD pack.dat /out/\nADD text.tar /out/");
}

#[test]
fn without_unpack_an_archive_is_a_file() {
    on(Scratch)
        .file("pack.tar", archive())
        .file("pack.tgz", gzip(&archive()))
        .step(json!({"copy": {"src": ["pack.tar", "pack.tgz"], "dest": "/out/"}}))
        .like("COPY pack.tar pack.tgz /out/");
}

#[test]
fn an_archive_is_unpacked_over_what_is_there() {
    on(Tools)
        .file("pack.tar", archive())
        .files(&["pack/data.txt", "pack/own.txt"])
        .steps(json!([
            {"copy": {"src": "pack", "dest": "/srv/pack"}},
            {"copy": {"src": "pack.tar", "dest": "/srv", "unpack": true}}
        ]))
        .like("COPY pack /srv/pack\nADD pack.tar /srv");
}

#[test]
fn an_archive_gets_an_owner() {
    on(Tools)
        .file("pack.tar", archive())
        .step(json!({"copy": {"src": "pack.tar", "dest": "/out/", "unpack": true, "chown": "app:extra"}}))
        .like("ADD --chown=app:extra pack.tar /out/");
}

#[test]
fn several_archives_and_a_file() {
    on(Scratch)
        .file("a.tar", archive())
        .file("b.tar.gz", gzip(&archive_with_attribute()))
        .file("c.txt", "c")
        .step(json!({"copy": {"src": ["*.tar*", "c.txt"], "dest": "/out/", "unpack": true}}))
        .like("ADD *.tar* c.txt /out/");
}

#[test]
fn extended_attributes_of_an_archive_stay() {
    on(Scratch)
        .file("pack.tar", archive_with_attribute())
        .step(json!({"copy": {"src": "pack.tar", "dest": "/", "unpack": true}}))
        .like("ADD pack.tar /");
}

#[test]
fn archives_inside_a_folder_stay_packed() {
    on(Scratch)
        .file("folder/pack.tar", archive())
        .step(json!({"copy": {"src": "folder", "dest": "/out/", "unpack": true}}))
        .like("ADD folder /out/");
}

#[test]
fn a_broken_archive_is_an_error() {
    let whole = gzip(&archive());
    on(Scratch)
        .file("pack.tgz", &whole[..whole.len() / 2])
        .step(json!({"copy": {"src": "pack.tgz", "dest": "/out/", "unpack": true}}))
        .both_fail("ADD pack.tgz /out/", "unexpected EOF", "unexpected EOF");
}
