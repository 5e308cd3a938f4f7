//! `frontend.plan`: what would be tried.

use llb_gen::matrix::Listing;

use super::Answer;
use crate::options::Format;

/// The combinations of a plan, or the one that a manifest is.
pub fn plan(listing: &Listing, format: Format) -> Answer {
    match format {
        Format::Standard | Format::Dot | Format::Mermaid => Answer::new(listing, listing.text()),
        Format::GitHub => {
            let jobs = listing.github();
            Answer::new(&jobs, format!("{jobs}\n"))
        }
    }
}
