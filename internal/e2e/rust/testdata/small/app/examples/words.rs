fn main() {
    for word in app::WORDS {
        println!("{word}");
    }
}
