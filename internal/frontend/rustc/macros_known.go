package rustc

// pureMacros is the setting that adds to knownMacros.
const pureMacros = "COMPILE_CACHE_PURE_MACROS"

// refusedMacros are libraries of procedural macros that are known to ask the clock, times of files, git or other programs, or to write files: nothing that
// depends on them is cached, whatever is set and however their library looks.
var refusedMacros = set(
	"build_info_proc", "build_time", "comptime", "compile_time", "cornucopia_macros", "crabtime_internal", "cynic_proc_macros",
	"git_testament_derive", "git_version_macro", "inline_python_macros", "shadow_rs_macros", "slint_macros", "tauri_macros", "vergen_macros",
)

// datedMacros put times of files into what they make, or that of SOURCE_DATE_EPOCH where it is set: then they are like others that read the
// files of the workspace. Versions that do not know the variable do not name it.
var datedMacros = set("rust_embed_impl")

// workspaceMacros are libraries whose code looks as if it could do more than read the files of the workspace, and does so under
// conditions that are looked at: see conditions. Those for WebAssembly's components write what they made, for people who look for a fault in it,
// and have the compiler include that file: such a compile is not stored, since a file that it read was written meanwhile.
var workspaceMacros = set("napi_derive", "sqlx_macros", "wasmtime_component_macro", "wit_bindgen_rust_macro")

// manifestMacros are libraries that read the manifest of their user's package, and its time only in order not to read it again. What else they
// can do, with a feature that writes files for one, refuses them.
var manifestMacros = set(
	"bevy_animation_macros", "bevy_asset_macros", "bevy_derive", "bevy_ecs_macros", "bevy_encase_derive", "bevy_gizmos_macros", "bevy_material_macros",
	"bevy_reflect_derive", "bevy_render_macros", "bevy_scene_macros", "bevy_state_macros",
)

// knownMacros are libraries of procedural macros that read nothing but what they are given, their user's package with the manifests above it, and
// variables. It is asked only about those that look as if they read files, or do what no key covers, or whose library has no names of functions. What const_random_macro makes differs by chance, and any of it is as good as another.
var knownMacros = set(
	"actix_derive", "actix_macros", "actix_web_codegen", "ambassador", "arg_enum_proc_macro", "argh_derive", "asn1_rs_derive",
	"asn1_rs_impl", "async_attributes", "async_graphql_derive", "async_recursion", "async_stream_impl", "async_trait", "auto_impl",
	"axum_macros", "bincode_derive", "bitfield_struct", "bon_macros", "borsh_derive", "bpaf_derive", "bytecheck_derive",
	"bytemuck_derive", "cached_proc_macro", "clap_derive", "const_format_proc_macros", "const_random_macro", "cortex_m_rt_macros", "ctor_proc_macro",
	"cxxbridge_macro", "darling_macro", "data_encoding_macro_internal", "delegate", "der_derive", "derivative", "derive_arbitrary",
	"derive_builder_macro", "derive_more", "derive_more_impl", "derive_new", "derive_setters", "diesel_derives", "displaydoc",
	"document_features", "dtor_proc_macro", "educe", "embassy_executor_macros", "enum_as_inner", "enum_dispatch",
	"enum_iterator_derive", "enum_map_derive", "enum_ordinalize_derive", "enumflags2_derive", "failure_derive", "futures_macro",
	"garde_derive", "getset", "glib_macros", "gumdrop_derive", "impl_trait_for_tuples", "indoc", "instability", "interpolate_name",
	"lazy_regex_proc_macros", "linkme_impl", "logos_derive", "macro_rules_attribute_proc_macro", "manganis_macro", "maybe_async", "miette_derive",
	"mockall_derive", "modular_bitfield_impl", "monostate_impl", "multiversion_macros", "nalgebra_macros", "neon_macros",
	"num_derive", "num_enum_derive", "nutype_macros", "openssl_macros", "ouroboros_macro", "parity_scale_codec_derive", "paste",
	"peg_macros", "phf_macros", "pin_project_internal", "poem_openapi_derive", "proc_macro_error_attr", "proc_macro_error_attr2",
	"proc_macro_hack", "profiling_procmacros", "prometheus_client_derive_encode", "proptest_derive", "prost_derive", "ptr_meta_derive",
	"pyo3_macros", "quickcheck_macros", "ref_cast_impl", "rkyv_derive", "rocket_codegen", "rustversion", "salsa_macros", "scale_info_derive",
	"schemars_derive", "serde_derive", "serde_repr", "serde_with_macros", "smart_default", "snafu_derive", "speedy_derive",
	"structopt_derive", "strum_macros", "tabled_derive", "test_case_macros", "thiserror_impl", "time_macros", "tinystr_macros",
	"tokio_macros", "tracing_attributes", "typed_builder_macro", "typetag_impl", "unic_langid_macros_impl", "validator_derive",
	"windows_implement", "windows_interface", "yoke_derive", "zbus_macros", "zerocopy_derive", "zerofrom_derive", "zeroize_derive",
	"zerovec_derive", "zvariant_derive",
)
