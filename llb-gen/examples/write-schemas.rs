//! Writes `schemas/*.schema.json`: `cargo run -p llb-gen --features schema --example write-schemas`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    std::fs::create_dir_all(&folder)?;
    for (name, text) in llb_gen::schema::files() {
        // A reader never sees half a schema.
        let unfinished = folder.join(format!(".{name}.new"));
        std::fs::write(&unfinished, text)?;
        std::fs::rename(&unfinished, folder.join(name))?;
    }
    Ok(())
}
