use proc_macro::TokenStream;
use quote::quote;
use syn::{parse_macro_input, DeriveInput};

/// Gives a type its name and the number of its fields.
#[proc_macro_derive(Named)]
pub fn named(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let fields = match &input.data {
        syn::Data::Struct(data) => data.fields.len(),
        _ => 0,
    };
    let (ident, name) = (&input.ident, input.ident.to_string());
    quote! {
        impl #ident {
            pub const NAME: &'static str = #name;
            pub const FIELDS: usize = #fields;
        }
    }
    .into()
}
