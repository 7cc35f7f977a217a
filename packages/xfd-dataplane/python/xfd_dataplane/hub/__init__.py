"""Lists repositories of a Hugging Face hub, by `huggingface_hub`.

That package is an extra, `xfd-dataplane[hub]`, and only the node that finds objects imports it. It
knows the token, the endpoint and the offline mode of its node. The bytes are read in Rust.
"""
