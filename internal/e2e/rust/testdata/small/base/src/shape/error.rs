#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is nothing")]
    Blank,
    #[error("unknown shape {0}")]
    Unknown(String),
    #[error(transparent)]
    Number(#[from] std::num::ParseIntError),
}
