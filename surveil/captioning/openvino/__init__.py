"""BLIP in OpenVINO, and its INT8 copies.

`openvino_engine` is the engine: `openvino_graphs` writes BLIP down as two graphs, `openvino_encoder` and
`openvino_decoder` run them. `quantization` makes a copy in INT8 (`rounding`) and refuses one that says other things.
`openvino_config` registers the engine and imports nothing heavy.
"""
