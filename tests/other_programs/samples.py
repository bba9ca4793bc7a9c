"""Settings as other programs write them, with what is to be taken over, from their documentation
and sources."""

import json
from typing import Any

PROMPT, NEGATIVE = "a clay teapot on a shelf", "fog, people"
ALL = {"prompt": PROMPT, "negative": NEGATIVE, "seed": 7, "steps": 25, "size": [512, 448]}
NO_NEGATIVE = {name: value for name, value in ALL.items() if name != "negative"}
FILM = {name: value for name, value in ALL.items() if name != "prompt"} | {
    "animate.zoom": "0: (1.04)",
    "animate.color_match": 0,
    "animate.prompts": {"hold": {"0": PROMPT, "30": "later"}},
    "frames": 120,
}

A1111 = (
    f"{PROMPT}\nNegative prompt: {NEGATIVE}\nSteps: 25, Sampler: Euler a, Schedule type: Normal, "
    'CFG scale: 7, Seed: 7, Size: 512x448, Model hash: 6ce0161689, Lora hashes: "a: 1, b: 2", '
    "Version: v1.10.1"
)
FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "juggernautXL",
    "full_prompt": [PROMPT, "x"],
    "negative_prompt": NEGATIVE,
    "performance": "Speed",
    "prompt": PROMPT,
    "resolution": "(512, 448)",
    "seed": "7",
    "sharpness": 2.0,
    "steps": 25,
    "styles": "['Fooocus V2']",
    "version": "Fooocus v2.5",
}
# Of older versions, which did not write all of it; no other program has these names.
FOOOCUS_OLD = [
    {k: v for k, v in FOOOCUS.items() if k not in names} | {"guidance_scale": 4.0}
    for names in (
        ("version", "full_prompt", "base_model"),
        ("version", "full_prompt", "performance", "adm_guidance"),
    )
]
SWARM = {
    "sui_image_params": {
        "prompt": PROMPT,
        "negativeprompt": NEGATIVE,
        "model": "sd_xl",
        "seed": 7,
        "steps": 25,
        "cfgscale": 7.0,
        "width": 512,
        "height": 448,
        "swarm_version": "0.9.6",
    },
    "sui_extra_data": {"date": "2026-01-01"},
}
INVOKE = {
    "app_version": "5.6.0",
    "generation_mode": "sdxl_txt2img",
    "positive_prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "width": 512,
    "height": 448,
    "seed": 7,
    "cfg_scale": 7.5,
    "steps": 25,
    "scheduler": "euler",
    "model": {"name": "x", "key": "1"},
    "loras": [],
}
OLD_INVOKE = {
    "model": "stable diffusion",
    "model_weights": "sd-1.5",
    "app_id": "invoke-ai/InvokeAI",
    "image": {
        "prompt": [{"prompt": PROMPT, "weight": 1.0}],
        "steps": 25,
        "cfg_scale": 7.5,
        "width": 512,
        "height": 448,
        "seed": 7,
        "sampler": "k_lms",
    },
}
DREAM = f'"{PROMPT} [{NEGATIVE}]" -s 25 -S 7 -W 512 -H 448 -C 7.5 -A k_lms'
NOVELAI = {
    "steps": 25,
    "seed": 7,
    "sampler": "k_euler",
    "scale": 11.0,
    "uc": NEGATIVE,
    "width": 512,
    "height": 448,
    "strength": 0.7,
    "noise": 0.2,
    "n_samples": 1,
}
NOVELAI_4 = {
    **NOVELAI,
    "prompt": PROMPT,
    "v4_prompt": {"caption": {"base_caption": PROMPT, "char_captions": []}, "use_order": True},
}
MIDJOURNEY = f"{PROMPT} --ar 3:2 --no {NEGATIVE} --seed 7 --v 6.1 Job ID: 1b7e0b2c-0000-4d3e"
PYTTI = {
    "scenes": f"{PROMPT} | on a hill:0.5 || another scene",
    "scene_prefix": "",
    "scene_suffix": "",
    "steps_per_scene": 25,
    "width": 512,
    "height": 448,
    "seed": 7,
    "cutouts": 40,
    "ViTB32": True,
}
DEFORUM = {
    "W": 512,
    "H": 448,
    "seed": 7,
    "sampler": "euler_ancestral",
    "steps": 25,
    "scale": 7,
    "animation_mode": "2D",
    "max_frames": 120,
    "use_init": False,
    "init_image": "https://a.b/x.png",
    "prompts": {"0": f"{PROMPT} --neg {NEGATIVE}", "30": "later"},
    "zoom": "0: (1.04)",
}
DEFORUM_2 = {
    "W": 512,
    "H": 448,
    "seed": 7,
    "steps": 25,
    "animation_prompts": {"30": "later", "0": PROMPT},
    "animation_prompts_negative": NEGATIVE,
    "max_frames": 120,
    "deforum_git_commit_id": "abc",
}
WARP = {
    "text_prompts": {"0": [PROMPT]},
    "negative_prompts": {"0": [NEGATIVE]},
    "steps_schedule": {"0": 25},
    "set_seed": "7",
    "width_height": [512, 448],
    "steps": 25,
    "cfg_scale_schedule": {"0": 15},
}
STABILITY = {
    "text_prompts": [{"text": PROMPT, "weight": 1}],
    "cfg_scale": 7,
    "clip_guidance_preset": "NONE",
    "height": 448,
    "width": 512,
    "samples": 1,
    "steps": 25,
    "seed": 7,
}
EASY = {
    "prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "seed": 7,
    "width": 512,
    "height": 448,
    "num_inference_steps": 25,
    "guidance_scale": 7.5,
    "use_stable_diffusion_model": "sd-v1-4",
}
WEB_API = {
    "prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "seed": 7,
    "width": 512,
    "height": 448,
    "steps": 25,
    "sampler_name": "Euler a",
    "cfg_scale": 7,
    "override_settings": {},
}
GRAPH: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 7,
            "steps": 25,
            "cfg": 8,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
    "5": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 512, "height": 448, "batch_size": 1},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": PROMPT, "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": NEGATIVE, "clip": ["4", 1]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
}
FLUX: dict[str, Any] = {
    "1": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {
            "noise": ["2", 0],
            "guider": ["3", 0],
            "sigmas": ["4", 0],
            "latent_image": ["5", 0],
        },
    },
    "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 7}},
    "3": {"class_type": "BasicGuider", "inputs": {"model": ["8", 0], "conditioning": ["6", 0]}},
    "4": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 25}},
    "5": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 512, "height": 448}},
    "6": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["7", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ["9", 0], "clip": ["8", 1]}},
    "8": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux"}},
    "9": {"class_type": "PrimitiveString", "inputs": {"value": PROMPT}},
}
ZEROED = {
    **GRAPH,
    "3": {**GRAPH["3"], "inputs": {**GRAPH["3"]["inputs"], "negative": ["7", 0]}},
    "7": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}},
}
WORKFLOW = {
    "last_node_id": 9,
    "version": 0.4,
    "nodes": [
        {
            "id": 3,
            "type": "KSampler",
            "widgets_values": [7, "fixed", 25, 8, "euler", "normal", 1],
            "inputs": [
                {"name": "positive", "link": 1},
                {"name": "negative", "link": 2},
                {"name": "latent_image", "link": 3},
                {"name": "model", "link": None},
            ],
        },
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": [PROMPT], "inputs": []},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": [NEGATIVE]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 448, 1]},
    ],
    "links": [
        [1, 6, 0, 3, 1, "CONDITIONING"],
        [2, 7, 0, 3, 2, "CONDITIONING"],
        [3, 5, 0, 3, 3, "LATENT"],
    ],
}

# Of files: the program, its data, and what is taken over.
DATA: list[tuple[str, Any, dict[str, Any]]] = [
    ("Fooocus", FOOOCUS, ALL),
    *(("Fooocus", without, ALL) for without in FOOOCUS_OLD),
    ("SwarmUI", SWARM, ALL),
    ("InvokeAI", INVOKE, ALL),
    ("InvokeAI", OLD_INVOKE, NO_NEGATIVE),
    ("NovelAI", NOVELAI_4, ALL),
    ("Deforum", DEFORUM, FILM),
    ("Deforum", DEFORUM_2, ALL),
    ("WarpFusion", WARP, ALL),
    ("Stability AI's API", STABILITY, NO_NEGATIVE),
    ("Easy Diffusion", EASY, ALL),
    ("AUTOMATIC1111's web UI", WEB_API, ALL),
    ("ComfyUI", GRAPH, ALL),
    ("ComfyUI", {"prompt": GRAPH, "client_id": "x"}, ALL),
    ("ComfyUI", FLUX, NO_NEGATIVE),
    ("ComfyUI", ZEROED, NO_NEGATIVE),
    ("ComfyUI", WORKFLOW, ALL),
    (
        "PyTTI",
        PYTTI,
        {**NO_NEGATIVE, "prompt": [PROMPT, {"text": "on a hill", "weight": 0.5}]},
    ),
    ("AUTOMATIC1111's web UI", {"parameters": A1111}, ALL),
]
# Of pictures: the program, its texts, and what is taken over.
TEXTS: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("AUTOMATIC1111's web UI", {"parameters": A1111}, ALL),
    ("Fooocus", {"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}, ALL),
    (
        "Fooocus",
        {"parameters": A1111.replace("v1.10.1", "Fooocus v2.5"), "fooocus_scheme": "a1111"},
        ALL,
    ),
    ("SwarmUI", {"parameters": json.dumps(SWARM)}, ALL),
    ("ComfyUI", {"prompt": json.dumps(GRAPH), "workflow": json.dumps(WORKFLOW)}, ALL),
    ("ComfyUI", {"workflow": json.dumps(WORKFLOW)}, ALL),
    ("InvokeAI", {"invokeai_metadata": json.dumps(INVOKE), "invokeai_graph": "{}"}, ALL),
    ("InvokeAI", {"sd-metadata": json.dumps(OLD_INVOKE)}, NO_NEGATIVE),
    ("InvokeAI", {"Dream": DREAM}, ALL),
    (
        "NovelAI",
        {
            "Title": "AI generated image",
            "Description": PROMPT,
            "Software": "NovelAI",
            "Comment": json.dumps(NOVELAI),
        },
        ALL,
    ),
    (
        "Midjourney",
        {"Description": MIDJOURNEY, "Author": "x"},
        {"prompt": PROMPT, "negative": NEGATIVE, "seed": 7},
    ),
    ("Easy Diffusion", {k: str(v) for k, v in EASY.items()}, ALL),
]
