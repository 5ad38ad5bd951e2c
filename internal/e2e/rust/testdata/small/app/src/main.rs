fn main() -> anyhow::Result<()> {
    println!("{} {:?}", app::report()?, app::BUILD_NAME);
    Ok(())
}
