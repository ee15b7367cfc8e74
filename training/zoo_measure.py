"""Everything that `make zoo` measures of one blob. Figures are flat dicts, their keys the report's metrics."""
from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.bench.figures import CLOCK_HZ, compiler
from tools.bench.m7run import WINDOW_STREAM, M7Bench, compile_core, measure_hop
from tools.blob import read
from tools.blobfile import load
from tools.kwslib import Frontend, Model, Stream
from training import continuous, evaluate
from training.answers import reported
from training.clips import RATE_HZ
from training.cluster import ROOT, say
from training.listening import Composer
from training.voices import installed
from training.zoo_checks import sample_answer, signal_answer

ZOO = ROOT / "build" / "zoo"
ELF = ZOO / "m7.elf"
COMPILER = "arm-none-eabi-gcc"
LIVE = ("miss_percent", "false_accepts_per_hour", "latency_median_ms", "latency_90_percent_ms")     # of continuous audio


@dataclass(frozen=True)
class Options:
    """data: folder of recordings, None where there is none; hours: of audio to listen to; threads: at once;
    budget: false accepts an hour that a detector may have which is tuned."""
    data: str | None
    hours: float = 2.0
    snr_db: tuple[float, ...] = (0.0, 5.0, 10.0, 20.0)
    seed: int = 1
    threads: int = 1
    budget: float = continuous.BUDGET


def prepare() -> None:
    """Compiles the core for the Cortex-M7, once for all blobs. ValueError without the compiler."""
    if shutil.which(COMPILER) is None:
        raise ValueError(f"{COMPILER} is not installed, which counts the instructions need; `make zoo` installs it")
    compile_core(ELF)


def costs(blob: bytes) -> dict[str, float]:
    """Bytes, multiply-adds and instructions on a Cortex-M7, front end included. Needs `prepare`, and no recordings.

    instructions_per_window: of a decision of the whole network; the others are of the stream as the device runs it,
    instructions_per_hop the mean over front-end hops with and without a decision.
    """
    info, model = read(blob), Model(blob)
    stream, hop_len = Stream(model), Frontend(info.frontend).hop_len
    bench = M7Bench(ELF)
    bench.open(blob)
    window, _ = measure_hop(bench, hop_len, WINDOW_STREAM)
    hop = measure_hop(bench, hop_len)[0] if stream.mode == "step" else window
    return {"blob_bytes": len(blob), "arena_bytes": stream.arena_bytes, "state_bytes": stream.state_bytes, "macs": info.macs,
            "instructions_per_window": window * info.decision_hop_frames, "instructions_per_hop": hop,
            "load_percent": round(100 * hop * RATE_HZ / hop_len / CLOCK_HZ, 2)}


def recognise(blob: bytes, options: Options, folder: Path, title: str) -> dict:
    """Accuracy on the test split; the confusion matrix goes to `folder`."""
    split = evaluate.split_for(blob, options.data, "test", options.threads, progress=False)
    result, table = evaluate.evaluate(blob, split, options.threads)
    evaluate.plot(table, reported(split.labels), folder / "confusion.png", f"{title}: {result['accuracy_percent']:.2f} % of {result['clips']} clips")
    return result | {"labels": list(reported(split.labels)), "confusion": table.tolist()}


def listen(path: Path, options: Options, folder: Path) -> dict:
    """Hours of audio through stream and detector with the blob's own settings; det.png and det.json in `folder`."""
    model = continuous.open_model(path)
    composer = Composer(Path(options.data), "test", continuous.keywords_of(model), options.seed, threads=options.threads)
    heard = continuous.hear(model, composer, options.hours, None, options.snr_db)
    result = continuous.result_of(path.stem, model, composer, heard, options.hours, options.budget)
    continuous.plot(result, folder / "det.png")
    (folder / "det.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def measure(path: Path, options: Options) -> dict:
    """All figures of the blob at `path`, also in build/zoo/NAME/figures.json. Raises ValueError that names the file.

    "figures": metrics of the report; "how": how each was measured; "recall_percent", "confusion": of the test split;
    "measured": what the manifest holds of it.
    """
    blob = load(path)
    info = read(blob)
    if not info.frontend or not info.labels:
        raise ValueError(f"{path}: a blob without front end or labels cannot be measured with audio; tools.bench.m7run counts its instructions")
    folder = ZOO / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    say("counts instructions")
    figures = costs(blob)
    stream = {name: figures[name] for name in ("arena_bytes", "state_bytes", "instructions_per_hop", "load_percent")}
    result = {"name": path.stem, "sha256": hashlib.sha256(blob).hexdigest(), "figures": figures,
              "how": dict.fromkeys(figures, f"make zoo: Cortex-M7 in Unicorn, {compiler(COMPILER)} -O3"),
              "measured": {"command": "python -m training.zoo", "compiler": compiler(COMPILER), "instructions_per_window": figures["instructions_per_window"],
                           "stream": {"mode": Stream(Model(blob)).mode} | stream, "signal": signal_answer(blob)}}
    if options.data is not None:
        add_recordings(result, path, blob, options, folder)
    (folder / "figures.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def add_recordings(result: dict, path: Path, blob: bytes, options: Options, folder: Path) -> None:
    """What recordings are needed for. The accuracy before quantisation is the one that training has noted in the blob."""
    say("recognises the test split")
    recognised = recognise(blob, options, folder, path.stem)
    say(f"listens to {options.hours:g} h")
    heard = listen(path, options, folder)
    as_float = (read(blob).meta.get("test") or {}).get("accuracy_float_percent")
    seen = {"accuracy_int8_percent": recognised["accuracy_percent"]}
    noted = {} if as_float is None else {"accuracy_float_percent": as_float}
    live = {name: value for name in LIVE if (value := heard["figures"]["overall"][name]) is not None}
    audio = (f"{options.hours:g} h, SNR {','.join(f'{s:g}' for s in options.snr_db)} dB, seed {options.seed}, "
             f"sentences by {', '.join(installed()) if heard['synthetic'] else 'nobody'}")
    result["figures"] |= seen | noted | live
    result["how"] |= {name: how for names, how in ((seen, f"make zoo: {recognised['clips']} clips of the test split"), (noted, "noted at export"),
                                                   (live, f"make zoo: {audio}")) for name in names}
    result["measured"] |= {"recall_int8_percent": recognised["recall_percent"], "continuous": {"audio": audio} | live,
                           "sample": sample_answer(blob, options.data, options.threads)}
    result |= {name: recognised[name] for name in ("labels", "recall_percent", "confusion")}
