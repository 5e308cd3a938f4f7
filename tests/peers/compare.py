#!/usr/bin/env python3
"""Holds our SPDX document of a root against syft's: the same packages, or a reason why not.

compare.py OURS.json SYFT.json   exits with 1 when a difference has no reason.
"""

import json
import re
import sys
from collections import Counter
from urllib.parse import unquote


def key(purl):
    """Type, namespace and name, version: without qualifiers, decoded, Debian's epoch where the specification has it."""
    bare = purl.split("?")[0].split("#")[0][4:]
    path, _, version = bare.rpartition("@") if "@" in bare else (bare, "", "")
    return unquote(path).lower().replace("_", "-"), unquote(version)


def purls(document, wanted=lambda purl: True):
    found = {}
    for package in document["packages"]:
        for reference in package.get("externalRefs", []):
            if reference["referenceType"] == "purl" and wanted(reference["referenceLocator"]):
                found[key(reference["referenceLocator"])] = package
    return found


def notes(package):
    return [one["comment"] for one in package.get("annotations", [])]


def only_ours(path, package):
    """Why syft does not list a package that we do."""
    said = " ".join(notes(package))
    if "brings along for itself" in said:
        return "a copy inside of pip or another, listed in its vendor.txt, which syft does not read"
    if "an SBOM in the image says so" in said:
        return "named by an SBOM that a package brings along"
    if path.startswith("generic/nvidia/"):
        return "CUDA without a package manager"
    return None


def only_theirs(path, version, package, parts, ours):
    """Why we do not list a package that syft does."""
    places = package.get("sourceInfo", "")
    if (path, version) in parts:
        return "part of another package of ours, listed there"
    if re.search(r"[-.]lock\b|lock\.yaml|lock\.json", places):
        return "named by a lock file that a package brings along: nothing of it is installed"
    if path.startswith("github/"):
        return "named by a workflow file: nothing of it is installed"
    if path.startswith("npm/") and not re.search(r"node_modules/(@[^/]+/)?[^/,]+/package\.json|nodejs/", places):
        return "a package.json outside of a node_modules: a fixture, or an application's own"
    if path.startswith("npm/"):
        return "a package.json deeper in a module: a fixture or a build's own"
    if path.startswith("generic/") or "binary" in places:
        return "a guess from a program's bytes, whose package is listed"
    if path.startswith("maven/") and (version in ("", "UNKNOWN") or not any(p.startswith("maven/") for p, _ in ours)):
        return "a guess from a manifest"
    return None


def main():
    ours_document, theirs_document = (json.load(open(path)) for path in sys.argv[1:3])
    ours = purls(ours_document, lambda purl: "arch=source" not in purl)
    theirs = purls(theirs_document)
    parts = {}
    for package in ours_document["packages"]:
        for note in notes(package):
            if note.startswith("part of "):
                parts[key(note.rsplit(" ", 1)[1])] = package
    reasons, open_ends = Counter(), []
    for where, keys in (("ours", ours.keys() - theirs.keys()), ("theirs", theirs.keys() - ours.keys())):
        for path, version in sorted(keys):
            if where == "ours":
                reason = only_ours(path, ours[path, version])
            else:
                reason = only_theirs(path, version, theirs[path, version], parts, ours)
            if reason:
                reasons[f"{where}: {path.split('/')[0]}: {reason}"] += 1
            else:
                open_ends.append(f"only {where}: {path}@{version}")
    kinds = Counter(path.split("/")[0] for path, _ in ours)
    print(f"ours {len(ours)} ({dict(sorted(kinds.items()))}) and {len(parts)} parts; theirs {len(theirs)}; "
          f"both {len(ours.keys() & theirs.keys())}")
    for reason, count in sorted(reasons.items()):
        print(f"  {count:5} {reason}")
    for line in open_ends[:40]:
        print(f"  UNEXPLAINED {line}")
    licensed = sum(package["licenseDeclared"] != "NOASSERTION" for package in ours.values())
    print(f"  declared licences: ours {licensed} of {len(ours)}; theirs "
          f"{sum(p.get('licenseDeclared', 'NOASSERTION') != 'NOASSERTION' for p in theirs.values())} of {len(theirs)}")
    sys.exit(bool(open_ends))


if __name__ == "__main__":
    main()
