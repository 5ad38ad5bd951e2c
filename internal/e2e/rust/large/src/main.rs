//! Uses something of each dependency, so that all of it is compiled and linked.

use std::io::{Cursor, Read, Write};

use clap::Parser;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

include!(concat!(env!("OUT_DIR"), "/numbers.rs"));

#[derive(Parser)]
struct Options {
    /// A page to fetch.
    #[arg(long)]
    url: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, large_macros::Named)]
struct Record {
    name: String,
    value: u64,
}

#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("{0} is not {1}")]
    Number(u64, u64),
}

fn stored(record: &Record) -> anyhow::Result<u64> {
    let db = rusqlite::Connection::open_in_memory()?;
    db.execute("CREATE TABLE r (name TEXT, value INTEGER)", ())?;
    db.execute("INSERT INTO r VALUES (?1, ?2)", (&record.name, record.value as i64))?;
    let value: i64 = db.query_row("SELECT value FROM r", (), |row| row.get(0))?;
    if value as u64 != record.value {
        return Err(Wrong::Number(value as u64, record.value).into());
    }
    Ok(value as u64)
}

fn texts(record: &Record) -> anyhow::Result<Vec<String>> {
    let mut context = tera::Context::new();
    context.insert("record", record);
    let colours = syntect::parsing::SyntaxSet::load_defaults_newlines();
    Ok(vec![
        serde_json::to_string(record)?,
        serde_yaml::to_string(record)?,
        toml::to_string(record)?,
        tera::Tera::one_off("{{ record.name }}", &context, false)?,
        regex::Regex::new("o+")?.replace(&record.name, "0").into_owned(),
        format!("{} syntaxes", colours.syntaxes().len()),
        format!("{:?}", chrono::DateTime::from_timestamp(0, 0).map(|t| t.with_timezone(&chrono_tz::Europe::Berlin))),
        num_bigint::BigUint::from(record.value).pow(20).to_string(),
        uuid::Uuid::nil().to_string(),
        format!("{:?}", ring::digest::digest(&ring::digest::SHA256, record.name.as_bytes())),
        format!("libgit2 {:?}", git2::Version::get().libgit2_version()),
    ])
}

fn packed(text: &str) -> anyhow::Result<usize> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("text", zip::write::SimpleFileOptions::default())?;
    archive.write_all(&zstd::encode_all(text.as_bytes(), 3)?)?;
    let mut archive = zip::ZipArchive::new(archive.finish()?)?;
    let mut bytes = Vec::new();
    archive.by_name("text")?.read_to_end(&mut bytes)?;
    Ok(zstd::decode_all(&bytes[..])?.len())
}

fn picture() -> anyhow::Result<usize> {
    let mut bytes = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(8, 8).write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(image::load_from_memory(bytes.get_ref())?.to_rgb8().len())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let options = Options::parse();
    let record = Record { name: format!("{} {}", Record::NAME, Record::FIELDS), value: SQUARES.par_iter().sum() };
    tracing::info!("{record:?}");
    for text in texts(&record)? {
        println!("{}", text.trim_end());
    }
    println!("{} {} {} {}", stored(&record)?, packed(&record.name)?, picture()?, large_native_sys::checksum(record.name.as_bytes()));
    println!("{} sources, {}", walkdir::WalkDir::new("src").into_iter().count(), hyper::Version::HTTP_11 == hyper::Version::default());
    let (a, b) = futures::join!(async { 1 }, async { 2 });
    println!("{}", a + b);
    if let Some(url) = options.url {
        println!("{}", reqwest::get(url).await?.text().await?.len());
    }
    Ok(())
}
