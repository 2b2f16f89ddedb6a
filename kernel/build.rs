//! How the kernel is linked: one image for every board, by the workspace's `linker.ld`.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // On the host the crate is only ever looked at by tools; the host's linker knows none of this.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let manifest = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let script = Path::new(&manifest).join("../linker.ld");
    println!("cargo:rerun-if-changed={}", script.display());
    for argument in [
        &format!("-T{}", script.display()),
        "-zmax-page-size=0x1000",
        // An ADRP in the last words of a page may compute a wrong address on a Cortex-A53 (Raspberry Pi 3).
        "--fix-cortex-a53-843419",
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
