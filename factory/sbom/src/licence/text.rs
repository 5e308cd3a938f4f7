//! Licences by their texts: for the copyright files that are no list of names.

use crate::limits;

/// The licences that a text holds or points to, sorted; empty where none is recognised.
///
/// Only sentences that a licence alone has count. A text that says nothing of these is nobody's, and is kept as it is.
pub(super) fn recognise(text: &str) -> Vec<&'static str> {
    let mut end = text.len().min(usize::try_from(limits::LICENCE_TEXT).unwrap_or(usize::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = flat(text.get(..end).unwrap_or_default());
    let has = |sentence: &str| text.contains(sentence);
    let mut found = gnu(&text);
    if has("permission is hereby granted, free of charge, to any person obtaining a copy of this software")
        || has("permission is hereby granted, free of charge, to any person obtaining a copy of this")
    {
        found.push(if has("except as contained in this notice, the name") { "X11" } else { "MIT" });
    }
    if has("redistribution and use in source and binary forms") {
        found.push(if has("all advertising materials mentioning features") {
            "BSD-4-Clause"
        } else if has("neither the name")
            || has("the name of the author may not be used")
            || has("may not be used to endorse")
        {
            "BSD-3-Clause"
        } else {
            "BSD-2-Clause"
        });
    }
    for (sentence, id) in SENTENCES {
        if has(sentence) {
            found.push(id);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

const SENTENCES: [(&str, &str); 22] = [
    ("apache license version 2.0, january 2004", "Apache-2.0"),
    ("licensed under the apache license, version 2.0", "Apache-2.0"),
    ("common-licenses/apache-2.0", "Apache-2.0"),
    (
        "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee",
        "ISC",
    ),
    (
        "permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies",
        "ISC",
    ),
    ("mozilla public license version 2.0", "MPL-2.0"),
    ("mozilla public license, v. 2.0", "MPL-2.0"),
    ("common-licenses/mpl-2.0", "MPL-2.0"),
    ("common-licenses/mpl-1.1", "MPL-1.1"),
    ("common-licenses/artistic", "Artistic-1.0-Perl"),
    ("boost software license - version 1.0", "BSL-1.0"),
    ("this is free and unencumbered software released into the public domain", "Unlicense"),
    ("altered source versions must be plainly marked as such", "Zlib"),
    ("python software foundation license version 2", "PSF-2.0"),
    ("the openssl toolkit stays under a double license", "OpenSSL"),
    ("creative commons legal code cc0 1.0 universal", "CC0-1.0"),
    ("common-licenses/cc0-1.0", "CC0-1.0"),
    ("eclipse public license - v 2.0", "EPL-2.0"),
    ("sil open font license version 1.1", "OFL-1.1"),
    ("is in the public domain", "LicenseRef-public-domain"),
    ("placed in the public domain", "LicenseRef-public-domain"),
    ("unicode license agreement - data files and software", "Unicode-DFS-2016"),
];

/// GNU licences: by a link to Debian's copies, by the usual sentence, or by the title of the text itself.
fn gnu(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (family, words) in [
        ("GPL", "gnu general public license"),
        ("LGPL", "gnu lesser general public license"),
        ("AGPL", "gnu affero general public license"),
    ] {
        for version in ["1", "2", "2.1", "3"] {
            let linked =
                mentions(text, &format!("common-licenses/{}-{version}", family.to_ascii_lowercase()));
            let later = [
                format!(
                    "{words} as published by the free software foundation; either version {version} of the license, or (at your option) any later version"
                ),
                format!(
                    "{words} as published by the free software foundation; either version {version}, or (at your option) any later version"
                ),
                format!(
                    "{words} as published by the free software foundation, either version {version} of the license, or (at your option) any later version"
                ),
                format!("{words}, version {version} or later"),
                format!("{words} version {version} or later"),
            ];
            let later = later.iter().any(|sentence| text.contains(sentence.as_str()))
                || (linked
                    && text.contains(&format!("version {version}"))
                    && text.contains("any later version"));
            let titled = mentions(text, &format!("{words} version {version}"))
                || mentions(text, &format!("{words}, version {version}"));
            if !(linked || later || titled) {
                continue;
            }
            let version = if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
            let kind = if later { "or-later" } else { "only" };
            found.extend(spdx::license_id(&format!("{family}-{version}-{kind}")).map(|id| id.name));
        }
    }
    found
}

/// Whether the words are there and no longer version number is meant (`gpl-2` in `gpl-2.1`).
fn mentions(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let mut rest = text.get(at + words.len()..).unwrap_or_default().chars();
        match (rest.next(), rest.next()) {
            (Some('.'), Some(digit)) => !digit.is_ascii_digit() || digit == '0',
            (Some(c), _) => !c.is_ascii_digit(),
            (None, _) => true,
        }
    })
}

/// Lower case, white space and comment signs as one space, quotes plain.
fn flat(text: &str) -> String {
    let mut flat = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c == '*' || c == '#') {
        if word.is_empty() {
            continue;
        }
        if !flat.is_empty() {
            flat.push(' ');
        }
        flat.extend(word.chars().flat_map(char::to_lowercase));
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_wild() {
        let cases: [(&str, &[&str]); 8] = [
            ("On Debian systems see\n /usr/share/common-licenses/GPL-2.", &["GPL-2.0-only"]),
            ("see `/usr/share/common-licenses/LGPL-2.1'.", &["LGPL-2.1-only"]),
            (
                "it under the terms of the GNU General Public License as published by\n# the Free Software Foundation; either \
                 version 2 of the License, or\n (at your option) any later version.",
                &["GPL-2.0-or-later"],
            ),
            ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", &["GPL-3.0-only"]),
            (
                "Redistribution and use in source and binary forms … Neither the name of the University",
                &["BSD-3-Clause"],
            ),
            ("Redistribution and use in source and binary forms, with or without", &["BSD-2-Clause"]),
            (
                "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software",
                &["MIT"],
            ),
            ("All rights reserved.", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(recognise(text), expected, "{text}");
        }
    }
}
