//! Size: a thousand fragments of ten steps are planned without trouble. How fast is the bench's to say.

use crate::{Documents, amd64};

#[test]
fn a_thousand_fragments_of_ten_steps() {
    let step = |at: usize| format!(r#"{{"run": "step {at}", "network": "none"}}"#);
    let steps: Vec<String> = (0..10).map(step).collect();
    let members = format!(r#""steps": [{}]"#, steps.join(", "));
    let names: Vec<String> = (0..1000).map(|at| format!("f{at}")).collect();
    let fragments: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), members.as_str())).collect();
    let documents = Documents::new(r#""base": "debian:bookworm-slim""#, &fragments);
    let product = documents.product();
    assert_eq!(product.fragments.len(), 1000);
    let request = amd64();
    let draft = llb_gen::draft::Draft::new(&product, &request).unwrap();
    let answers = draft.lookups().map(|lookup| (lookup.clone(), crate::answer(lookup))).collect();
    let plan = draft.pin(answers).unwrap();
    let lowered = plan.lower_any_size().unwrap();
    lowered.graph.verify().unwrap();
    assert_eq!(crate::execs(&lowered.graph).len(), 10_000);
    let refused = plan.lower().unwrap_err().to_string();
    assert!(refused.contains("10001 layers, more than the 127"), "{refused}");
}
