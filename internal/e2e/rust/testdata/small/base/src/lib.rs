//! Shapes, words about them, and a macro's answer.

pub mod shape;
mod text;

pub use macros::seven;
use once_cell::sync::Lazy;

bitflags::bitflags! {
    pub struct Marks: u8 {
        const LOUD = 1;
        const LONG = 2;
    }
}

static ANSWER: Lazy<u32> = Lazy::new(|| seven!());

pub fn answer() -> String {
    let digits = itoa::Buffer::new().format(*ANSWER).to_owned();
    if cfg!(feature = "loud") {
        text::louder(&digits)
    } else {
        digits
    }
}
