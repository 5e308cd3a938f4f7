//! Lists that come in pages.

use ureq::http::Method;

use super::fault::{Fault, Result, Why};
use super::repository::{Repository, unexpected};
use super::transport::{Text, header, same_origin};

/// More pages than any list has; a registry whose pages go round in circles is broken.
const MOST: usize = 10_000;

/// Reads a list page by page; says no where the list is not there. `take` says whether a page is one of the list at all.
///
/// # Errors
/// Nobody could look, also at one page of several: half a list is none.
pub(super) fn each(
    repository: &Repository,
    first: String,
    what: &str,
    limit: u64,
    mut take: impl FnMut(&Text) -> Result<bool>,
) -> Result<bool> {
    let mut url = first;
    for page in 0..MOST {
        let text = repository.ask(
            Method::GET,
            url,
            vec![("Accept", "application/json, */*".to_owned())],
            what,
            limit,
        )?;
        match text.status {
            200 => {}
            404 if page == 0 => return Ok(false),
            // What registries answer to a question that they have never heard of.
            400 | 405 | 501 if page == 0 && is_unknown(&text) => return Ok(false),
            status => return Err(unexpected(what, status, &text.bytes)),
        }
        if !take(&text)? {
            return Ok(false);
        }
        let Some(next) = header(&text.headers, "link").and_then(next_of) else { return Ok(true) };
        url = repository.transport.resolved(next);
        if !same_origin(&url, &repository.transport.base) {
            let why = format!("its list goes on elsewhere, at {next}");
            return Err(Fault::could_not_look(what, Why::Broken(why)));
        }
    }
    Err(Fault::could_not_look(what, Why::Broken("its list has no end".to_owned())))
}

fn is_unknown(text: &Text) -> bool {
    let said = super::transport::said_in(&text.bytes);
    text.status != 400 || said.contains("UNSUPPORTED") || said.contains("PAGE_NOT_FOUND")
}

/// Where the next page is: `<…>; rel="next"`.
pub(super) fn next_of(link: &str) -> Option<&str> {
    link.split(',').find_map(|one| {
        let (url, parameters) = one.trim().strip_prefix('<')?.split_once('>')?;
        let next = parameters.split(';').any(|parameter| {
            let parameter: String = parameter.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
            parameter.eq_ignore_ascii_case("rel=next")
        });
        next.then_some(url)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_named() {
        assert_eq!(next_of(r#"</v2/a/referrers/x?last=y>; rel="next""#), Some("/v2/a/referrers/x?last=y"));
        assert_eq!(next_of("</first>; rel=first, </next>; title=x; rel=next"), Some("/next"));
        for none in ["", "</x>", r#"</x>; rel="prev""#, "rel=next"] {
            assert_eq!(next_of(none), None, "{none}");
        }
    }
}
