mod error;

pub use error::Error;
use hashbrown::HashMap;
use num_traits::Zero;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub enum Shape {
    Square { side: u32 },
    Circle { radius: u32 },
}

pub fn parse(text: &str) -> Result<Shape, Error> {
    let at = memchr::memchr(b' ', text.as_bytes()).ok_or(Error::Blank)?;
    let (kind, size) = (&text[..at], text[at + 1..].parse::<u32>()?);
    if size.is_zero() {
        return Err(Error::Blank);
    }
    let mut kinds: HashMap<&str, Shape, std::hash::RandomState> = HashMap::default();
    kinds.insert("square", Shape::Square { side: size });
    kinds.insert("circle", Shape::Circle { radius: size });
    kinds.remove(kind).ok_or_else(|| Error::Unknown(kind.to_owned()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn parses() {
        assert_eq!(super::parse("circle 2").unwrap(), super::Shape::Circle { radius: 2 });
    }
}
