"""Whatever ends a training: a kill, an interrupt, a full disk, a folder that is gone. The last checkpoint is whole."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import purrceptron as purr
from purrceptron.checkpoints.files import newest_first
from purrceptron.checkpoints.writer import Snapshot, Writer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and processes of POSIX")

KILLS = int(os.environ.get("PURRCEPTRON_KILLS", "20"))

TRAININGS = """
import os, random, signal, sys, time, traceback
from pathlib import Path
import numpy as np, purrceptron as purr
from purrceptron.callbacks import CSVLog, HistoryLog, LambdaCallback

numbers = np.random.default_rng(0)
x, y = numbers.normal(size=(300, 20)), numbers.integers(0, 2, 300)
wide = numbers.normal(size=(60, 400))

def direct(folder, epochs=150, **options):
    layers = [purr.Dense(32, "relu"), purr.BatchNorm(), purr.Dropout(0.3), purr.Dense(1, "sigmoid")]
    net = purr.Sequential(layers, input_shape=20, seed=1)
    watching = [purr.EarlyStopping(patience=10**6), HistoryLog(), CSVLog(folder / "log.csv")]
    optimizer = purr.Adam(purr.ReduceOnPlateau(0.01, patience=5), average=purr.EMA(0.99))
    return net, dict(x=x, y=y, epochs=epochs, batch_size=20, accumulate=2, optimizer=optimizer, callbacks=watching,
                     validation_split=0.2, metrics=["accuracy"], n_threads=2, **options)

def reduced(folder, epochs=2000, **options):
    net = purr.Sequential.from_string("400-20-1", seed=2, dtype="float64")
    optimizer = purr.SGD(0.01, momentum=0.9, weight_decay=1e-3)
    return net, dict(x=wide, y=y[:60], epochs=epochs, batch_size=13, optimizer=optimizer, solver="reduced", **options)

class Batches(purr.Callback):
    # Remembers what it hears, and takes most of the time.
    def __init__(self):
        self.heard = np.zeros(3, int)

    def state(self):
        return {"heard": self.heard}

    def restore(self, state):
        self.heard = state["heard"]

    def on_epoch_begin(self, epoch):
        self.heard += [1, 0, 0]

    def on_batch_begin(self, batch):
        self.heard += [0, 1, 0]

    def on_batch_end(self, batch, logs):
        begun, self.heard = time.monotonic(), self.heard + [0, 0, 1]
        while time.monotonic() < begun + 5e-4:
            pass

def share_right(y, predicted):
    return float(np.mean((y.ravel() > 0.5) == (predicted.ravel() > 0.5)))

def batched(folder, epochs=60, **options):
    net, settings = direct(folder, epochs, **options)
    settings["callbacks"].insert(1, Batches())
    return net, {**settings, "metrics": ["accuracy", share_right]}

def run(make, folder, *more, **options):
    net, settings = make(folder, **options)
    settings["callbacks"] = [*settings.get("callbacks", ()), *more]
    history = net.fit(**settings)
    scores = history.loss, history.val_loss, history.metrics, history.learning_rate
    logs = [callback.state() for callback in settings.get("callbacks", ())[1:-1]]
    csv = (folder / "log.csv").read_text() if logs else ""
    return repr((net.fingerprint(), scores, logs, csv))
"""

TORTURE = (
    TRAININGS
    + """
folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
settings = {"seconds": {"every_seconds": 0.002}, "epochs": {"every_epochs": 1, "best": "loss"}}
expected = {}
trainings = direct, reduced, batched
for make in trainings:  # in a child: whoever forks has no threads yet
    whole = folder / make.__name__
    whole.mkdir()
    if os.fork() == 0:
        best = purr.Checkpoint(whole / "run", **settings["epochs"])
        (whole / "result").write_text(run(make, whole, checkpoint=best))
        os._exit(0)
    assert os.wait()[1] == 0
    expected[make] = (whole / "result").read_text(), purr.load(whole / "run" / "best.safetensors").fingerprint()

struck = torn = finished = 0
while struck < kills or finished < 6:
    make, every = trainings[finished % 3], list(settings)[finished // 3 % 2]
    here = folder / str(finished)
    here.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            checkpoint = purr.Checkpoint(here / "run", **settings[every])
            (here / "result").write_text(run(make, here, checkpoint=checkpoint, resume=True))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    if struck < kills:
        # Long enough for some progress between most of the kills; some come while it reads, or has hardly begun.
        time.sleep(chance.random() * chance.choice([0.02, 0.1, 0.2]))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        struck, torn = struck + 1, torn + bool(list(here.glob("run/.purrceptron-*")))
        continue
    assert status == 0, status
    assert (here / "result").read_text() == expected[make][0], (make, every, finished)
    if every == "epochs":
        assert purr.load(here / "run" / "best.safetensors").fingerprint() == expected[make][1]
    assert not list((here / "run").glob(".purrceptron-*")), "what a kill left half written is swept away"
    finished += 1
print(struck, torn, finished)
"""
)


def test_a_training_that_is_killed_at_any_instant_resumes_with_the_same_bits(
    run_python: Callable[..., str], tmp_path: Path
) -> None:
    told = run_python(TORTURE, tmp_path, str(KILLS), "1", timeout=300 + 5 * KILLS)
    struck, torn, finished = map(int, told.split())
    print(f"{struck} kills, {torn} of them in the midst of a write; {finished} trainings")
    assert struck >= KILLS
    assert finished >= 6


def test_a_fresh_process_takes_up_what_another_left(run_python: Callable[..., str], tmp_path: Path) -> None:
    whole, here = tmp_path / "whole", tmp_path / "here"
    script = TRAININGS + "print(run(globals()[sys.argv[1]], Path(sys.argv[2]), epochs=int(sys.argv[3])"
    for make in ("direct", "reduced"):
        for folder in (whole, here):
            folder.mkdir(exist_ok=True)
        expected = run_python(script + "))", make, whole, "10")
        run_python(script + ", checkpoint=sys.argv[4], resume=True))", make, here, "4", here / make)
        assert run_python(script + ", checkpoint=sys.argv[4], resume=True))", make, here, "10", here / make) == expected


# Interrupts

INTERRUPTED = (
    TRAININGS
    + """
signal.signal(signal.SIGINT, signal.default_int_handler)
folder, after = Path(sys.argv[1]), [float(seconds) for seconds in sys.argv[2:]]
for make in (direct, reduced, batched):
    whole, here = folder / f"whole {make.__name__}", folder / make.__name__
    whole.mkdir(), here.mkdir()
    epochs = {direct: 600, reduced: 6000, batched: 60}[make]
    expected, interrupts = run(make, whole, epochs=epochs), 0
    for seconds in after:
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        begun, before = [], sorted((here / "run").glob("epoch-*"))
        def arm(epoch, logs):
            if not begun:
                signal.setitimer(signal.ITIMER_REAL, seconds)
            begun.append(epoch)
        disarm = lambda: signal.setitimer(signal.ITIMER_REAL, 0)  # what comes after the training interrupts none
        armed = LambdaCallback(on_epoch_end=arm, on_train_end=disarm)
        try:  # the next one is due after 60 seconds
            run(make, here, armed, epochs=epochs, checkpoint=here / "run", resume=True)
        except KeyboardInterrupt as interrupt:
            (note,) = interrupt.__notes__
            interrupts += 1
        else:
            break  # a fast machine
        last = max((here / "run").glob("epoch-*"), key=lambda path: path.stat().st_mtime_ns)
        assert last not in before and note == f"the last checkpoint is {last}", (last, before, note)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert interrupts, "it came to its end without an interrupt"
    assert run(make, here, epochs=epochs, checkpoint=here / "run", resume=True) == expected
print("the same")
"""
)


def test_every_interrupt_leaves_a_checkpoint_to_go_on_from(run_python: Callable[..., str], tmp_path: Path) -> None:
    times = [str(seconds) for seconds in (0.02, 0.03, 0.025, 0.035, 0.02)]
    assert run_python(INTERRUPTED, tmp_path, *times, timeout=300) == "the same"


def test_a_second_interrupt_comes_through_a_callback_that_hangs(run_python: Callable[..., str], tmp_path: Path) -> None:
    script = (
        TRAININGS
        + """
signal.signal(signal.SIGINT, signal.default_int_handler)
class Hanging(HistoryLog):
    def on_epoch_end(self, epoch, logs):
        signal.raise_signal(signal.SIGINT)
        told.append("one waits")
        signal.raise_signal(signal.SIGINT)
        told.append("never said")
told = []
net, settings = direct(Path(sys.argv[1]), checkpoint=sys.argv[1])
try:
    net.fit(**{**settings, "callbacks": [Hanging()]})
except KeyboardInterrupt:
    print(told, list(Path(sys.argv[1]).glob("epoch-*")))
"""
    )
    assert run_python(script, tmp_path) == "['one waits'] []"


def test_an_interrupt_waits_for_callbacks_that_fail_and_comes_then(
    run_python: Callable[..., str], tmp_path: Path
) -> None:
    script = (
        TRAININGS
        + """
signal.signal(signal.SIGINT, signal.default_int_handler)
class Failing(HistoryLog):
    def on_epoch_end(self, epoch, logs):
        signal.raise_signal(signal.SIGINT)
        raise ValueError("its own")
net, settings = direct(Path(sys.argv[1]), checkpoint=sys.argv[1])
try:
    net.fit(**{**settings, "callbacks": [Failing()]})
except KeyboardInterrupt as interrupt:
    print(repr(interrupt.__context__), signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    )
    assert run_python(script, tmp_path) == "ValueError('its own') True"


def test_a_child_forked_by_a_callback_ends_at_the_first_signal(run_python: Callable[..., str], tmp_path: Path) -> None:
    script = (
        TRAININGS
        + """
class Forking(HistoryLog):
    def on_epoch_end(self, epoch, logs):
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            try:
                signal.raise_signal(signal.SIGTERM)
                os._exit(1)
            except SystemExit:
                os._exit(7)
        told.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
def end(number, frame):
    raise SystemExit
signal.signal(signal.SIGTERM, end)
told = []
net, settings = direct(Path(sys.argv[1]), 2, checkpoint=sys.argv[1])
net.fit(**{**settings, "callbacks": [Forking()]})
print(told)
"""
    )
    assert run_python(script, tmp_path) == "[7, 7]"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with photos to train on."""
    monkeypatch.chdir(tmp_path)
    images, labels = purr.datasets.make_cats(30, seed=0)
    np.savez("data.npz", x=images, y=labels)
    return tmp_path


def command(epochs: int, output: str, *more: str, first: str = "") -> list[str]:
    """`purr train` on them, `first` before it."""
    options = ["--epochs", str(epochs), "--output", output, "--batch-size", "8", "--network", "8-1"]
    arguments = ["purr", "train", "data.npz", *options, *more]
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    run = f"import sys; sys.argv = {arguments}\nfrom purrceptron.cli import main; main()"
    return [sys.executable, "-c", f"{listen}\n{first}\n{run}"]


def done(*arguments: Any, **options: Any) -> tuple[int, str, list[str]]:
    """Status, standard output, and the lines of standard error."""
    ran = subprocess.run(command(*arguments, **options), check=False, capture_output=True, text=True, timeout=300)
    return ran.returncode, ran.stdout, ran.stderr.splitlines()


@contextlib.contextmanager
def begun(*arguments: Any, until: Callable[[], object]) -> Iterator[subprocess.Popen[str]]:
    """A command at work, which does not outlive this."""
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            for _ in range(1000):
                if until() or child.poll() is not None:
                    break
                time.sleep(0.02)
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize(("number", "status", "told"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_the_command_leaves_a_checkpoint_and_goes_on_from_it(number: str, status: int, told: str, photos: Path) -> None:
    kept = ["--checkpoint", "run", "--resume"]
    with begun(10**9, "cats.safetensors", *kept, until=Path("run", "lock").exists) as child:
        time.sleep(0.3)
        child.send_signal(getattr(signal, number))
        stdout, stderr = child.communicate(timeout=120)
    assert (child.returncode, stdout) == (status, "")
    last = newest_first(photos / "run")[0]
    said = f"purr: {told}; the last checkpoint is {last}; --resume goes on from it"
    assert stderr.splitlines()[-1] == said
    epochs = int(last.stem.split("-")[1]) + 3
    for more, output in ((kept, "resumed.safetensors"), ([], "whole.safetensors")):
        assert done(epochs, output, *more)[0] == 0
    resumed, whole = purr.load("resumed.safetensors"), purr.load("whole.safetensors")
    assert isinstance(resumed, purr.CatClassifier)
    assert resumed == whole
    status, _, stderr_of_other = done(epochs, "x", *kept, "--seed", "1")
    assert (status, "but this training has" in stderr_of_other[-1]) == (1, True)
    status, _, stderr_of_again = done(epochs, "x", *kept[:2])
    assert (status, "holds checkpoints of an earlier training" in stderr_of_again[-1]) == (1, True)


@pytest.mark.parametrize("options", [["--every", "3"], ["--resume"], ["--checkpoint", "run", "--force-data"]])
def test_options_of_checkpoints_belong_together(options: list[str], tmp_path: Path) -> None:
    script = f"import sys; sys.argv = {['purr', 'train', *options]}\nfrom purrceptron.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{options[-1] if options[0] != '--every' else '--every'} is about" in done.stderr


# Disks that fail

WRITTEN = "the checkpoint could not be written: '.*run"
X = np.random.default_rng(0).normal(size=(40, 6))
Y = (X[:, 0] > 0).astype(int)


def network() -> purr.Sequential:
    return purr.Sequential.from_string("6-40-1", seed=0)


def fails_after(epochs: int, folder: Path, what: Callable[[], object]) -> purr.Callback:
    def on_epoch_end(epoch: int, logs: dict[str, float]) -> None:
        if epoch + 1 == epochs:
            while not list(folder.glob("epoch-*")):
                time.sleep(0.01)
            what()
        if epoch + 1 >= epochs:
            time.sleep(0.01)  # the thread that writes finds out

    return purr.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)


def assert_fails_and_goes_on(
    folder: Path, fail: Callable[[], object], mend: Callable[[], object], error: type[Exception], words: str
) -> None:
    """`fail` in the midst of a training is an error; after `mend` it goes on, with the bits that it would have had."""
    whole = network()
    whole.fit(X, Y, epochs=100)
    net = network()
    settings = purr.Checkpoint(folder, every_epochs=1)
    with pytest.raises(error, match=words):
        net.fit(X, Y, epochs=10_000, checkpoint=settings, callbacks=[fails_after(5, folder, fail)])
    assert np.isfinite(net.predict(X)).all()
    assert net.fingerprint() not in (network().fingerprint(), whole.fingerprint())
    net.fit(X, Y, epochs=1)
    mend()
    files = list(folder.glob("epoch-*"))
    for file in files:
        purr._core.Checkpoint.load(file)  # each is whole
    assert not folder.exists() or files
    net = network()
    net.fit(X, Y, epochs=100, checkpoint=folder, resume=True)
    assert net.fingerprint() == whole.fingerprint()


def test_a_directory_that_vanishes_ends_the_training_with_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def vanish() -> None:
        folder.rename(tmp_path / "away")  # at once, whatever is being written

    assert_fails_and_goes_on(folder, vanish, lambda: None, FileNotFoundError, f"No such file or directory; {WRITTEN}")


def test_a_file_in_the_place_of_the_directory_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    net = network()
    with pytest.raises(FileExistsError, match="run"):
        net.fit(X, Y, checkpoint=tmp_path / "run")
    assert net.fingerprint() == network().fingerprint()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_training_with_an_error_and_the_checkpoint_before(small_disk: Path) -> None:
    def fill() -> None:
        with open(small_disk / "filling", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1024))

    def mend() -> None:
        (small_disk / "filling").unlink()

    assert_fails_and_goes_on(small_disk / "run", fill, mend, OSError, f"No space left on device; {WRITTEN}")


def test_a_directory_that_becomes_read_only_ends_the_training_with_an_error(tmp_path: Path) -> None:
    folder, marked = tmp_path / "run", tmp_path / "marked"
    marked.mkdir()

    def forbid(path: Path, forbidden: bool) -> bool:
        """As for anybody else, also for root, who may write where others may not."""
        change = ["chattr", "+i" if forbidden else "-i", str(path)]
        return shutil.which("chattr") is not None and subprocess.run(change, check=False).returncode == 0

    if not forbid(marked, True):
        pytest.skip("nothing keeps this user from writing")
    forbid(marked, False)
    try:
        assert_fails_and_goes_on(
            folder, lambda: forbid(folder, True), lambda: forbid(folder, False), PermissionError, f"denied; {WRITTEN}"
        )
    finally:
        forbid(folder, False)


def test_a_read_only_disk_is_refused_before_the_training(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    net = network()
    with pytest.raises(OSError, match=f"Read-only file system: '{small_disk}"):
        net.fit(X, Y, checkpoint=small_disk)
    assert net.fingerprint() == network().fingerprint()


def test_a_short_write_ends_the_training_with_an_error_and_the_checkpoint_before(
    run_python: Callable[..., str], tmp_path: Path
) -> None:
    script = (
        TRAININGS
        + """
import resource
folder = Path(sys.argv[1])
def limit(epoch, logs):
    if epoch == 5:
        while not list((folder / "run").glob("epoch-*")):
            time.sleep(0.01)
        size = max(path.stat().st_size for path in (folder / "run").glob("epoch-*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, -1))
    if epoch >= 5:
        time.sleep(0.01)
def fit(epochs, *watching, **options):
    net, settings = direct(folder, epochs)
    net.fit(**{**settings, **options, "callbacks": watching})
    return net.fingerprint()
every = purr.Checkpoint(folder / "run", every_epochs=1)
try:
    fit(1000, purr.callbacks.LambdaCallback(on_epoch_end=limit), checkpoint=every)
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
assert not list((folder / "run").glob(".purrceptron-*"))
assert fit(40, checkpoint=every, resume=True) == fit(40)
"""
    )
    assert "File too large; the checkpoint could not be written: " in run_python(script, tmp_path)


def test_the_command_says_in_one_line_that_a_checkpoint_could_not_be_written(photos: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, -1))"
    status, stdout, stderr = done(3, "cats.safetensors", "--checkpoint", "run", "--quiet", first=limit)
    failed = f"{photos}/run/epoch-00000003.safetensors"
    said = f"purr: {failed}: file too large; the checkpoint could not be written"
    assert (status, stdout, stderr) == (1, "", [said])
    assert [path.name for path in Path("run").iterdir()] == ["lock"]
    (photos / "file").write_text("")
    for there, what in (("file", "file exists"), ("file/run", "is no folder")):
        status, stdout, stderr = done(3, "cats.safetensors", "--checkpoint", there, "--quiet")
        assert (status, stdout, stderr) == (1, "", [f"purr: {photos}/{there}: {what}"])
    assert not Path("cats.safetensors").exists()


def test_the_command_ends_where_its_directory_vanishes(photos: Path) -> None:
    usual = ["--quiet", "--solver", "direct"]
    kept = ["--checkpoint", "run", "--resume", "--every", "1", *usual]
    with begun(10**9, "cats.safetensors", *kept, until=lambda: list(photos.glob("run/epoch-*"))) as child:
        (photos / "run").rename("away")
        stdout, stderr = child.communicate(timeout=120)
    assert (child.returncode, stdout, len(stderr.splitlines())) == (1, "", 1)
    assert stderr.startswith(f"purr: {photos}/run")
    assert stderr.endswith(": no such file or directory; the checkpoint could not be written\n")
    (photos / "away").rename("run")
    epochs = int(newest_first(photos / "run")[0].stem.split("-")[1]) + 1
    for more, output in ((kept, "resumed.safetensors"), (usual, "whole.safetensors")):
        assert done(epochs, output, *more)[::2] == (0, [])
    resumed = purr.load("resumed.safetensors")
    assert isinstance(resumed, purr.CatClassifier)
    assert resumed == purr.load("whole.safetensors")


def test_the_command_ends_where_its_disk_is_full(photos: Path, small_disk: Path) -> None:
    status, stdout, stderr = done(3, "cats.safetensors", "--checkpoint", str(small_disk / "run"), "--quiet")
    failed = f"purr: {small_disk}/run/epoch-00000003.safetensors: no space left on device; {WRITTEN.split(':')[0]}"
    assert (status, stdout, stderr) == (1, "", [failed])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    status, stdout, stderr = done(3, "cats.safetensors", "--checkpoint", str(small_disk / "other"), "--quiet")
    assert (status, stdout, stderr) == (1, "", [f"purr: {small_disk}/other: read-only file system"])


def test_the_training_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished, written, write = threading.Event(), [], Writer._write

    def blocked(writer: Writer, waiting: dict[str, Snapshot]) -> None:
        assert finished.wait(60), "the training waits for a disk that waits for the training"
        written.append(waiting["last"].name)
        write(writer, waiting)

    monkeypatch.setattr(Writer, "_write", blocked)
    last = purr.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: finished.set() if epoch == 49 else None)
    net = network()
    net.fit(X, Y, epochs=50, checkpoint=purr.Checkpoint(tmp_path, every_epochs=1), callbacks=[last])
    assert written == ["epoch-00000001.safetensors", "epoch-00000050.safetensors"], "of those that waited, the newest"
    assert [path.name for path in sorted(tmp_path.glob("epoch-*"))] == written


def test_an_error_of_the_writer_is_said_at_the_next_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def fail(writer: Writer, waiting: dict[str, Snapshot]) -> None:
        threading.Timer(0.05, failed.set).start()
        raise OSError(5, "Input/output error", "run/")

    monkeypatch.setattr(Writer, "_write", fail)
    epochs = []

    def wait(epoch: int, logs: dict[str, float]) -> None:
        epochs.append(epoch)
        if epoch == 3:
            assert failed.wait(60)

    settings = purr.Checkpoint(tmp_path, every_epochs=2)
    with pytest.raises(OSError, match="Input/output error"):
        network().fit(
            X, Y, epochs=50, checkpoint=settings, callbacks=[purr.callbacks.LambdaCallback(on_epoch_end=wait)]
        )
    assert epochs == [0, 1, 2, 3]
    with pytest.raises(OSError, match="Input/output error"):
        network().fit(X, Y, epochs=1, checkpoint=tmp_path / "other")  # at the end at the latest
