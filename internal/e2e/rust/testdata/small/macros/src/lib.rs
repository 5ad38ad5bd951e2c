use proc_macro::TokenStream;

/// The number seven. It reads nothing.
#[proc_macro]
pub fn seven(_: TokenStream) -> TokenStream {
    "7".parse().unwrap()
}
