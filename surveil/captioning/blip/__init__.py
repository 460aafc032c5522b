"""BLIP in torch: pictures -> vision encoder -> the search for tokens over the text decoder -> sentences.

`blip_engine` is the engine. `vision_encoder` and `text_decoder` hold the weights, re-arranged from what `model_loading`
reads; `token_search` is transformers' `generate` over any decoder, OpenVINO's too. Importing a module imports torch,
except for `blip_config`, which registers the engine.
"""
