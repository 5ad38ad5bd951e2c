fn main() {
    println!("{} words", app::WORDS.len());
}
