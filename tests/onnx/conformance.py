"""The ONNX package's own backend tests of single nodes: those on float32 of the operators that Tessera
imports. Prints how many pass; fails below 95 %.

usage: conformance.py RUN_ONNX [DEVICE...] [--write docs/onnx.md] [--only PART-OF-A-NAME]
Needs Python's onnx package (Debian's python3-onnx, or PyPI's), else exits with 77.

What must be known before a net runs is known here too: inputs that are no float32, and those that an
operator takes as settings, become constants of the file. Booleans are 0 and 1 in float32.
"""
import argparse
import collections
import pathlib
import sys
import warnings

try:
    import numpy
    import onnx
    from onnx import numpy_helper
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
from session import Session

LEAST = 0.95
# Inputs of float32 that are settings, by operator.
SETTINGS = {"Dropout": (1, 2), "Pad": (2,), "Range": (0, 1, 2), "Resize": (1, 2, 3),
            "Upsample": (1,)}
LOGICAL = ("And", "Not", "Or", "Where", "Xor")
TYPES = (numpy.float32, numpy.bool_, numpy.int32, numpy.int64, numpy.uint8)
# What the message of a failed test has, or the name of the test, and what that means.
REASONS = (("input has 5 dimensions", "3-D windows"),
           ("output 1 of MaxPool", "the indices output of MaxPool"),
           ("output 1 of BatchNormalization", "running statistics are states, not outputs"),
           ("test_training_dropout", "expects NumPy's random numbers"),
           ("tf_crop_and_resize", "resizing of a region of the image"),
           ("linear_align_corners", "the output size is not a whole number"),
           ("cubic_align_corners", "the output size is not a whole number"),
           ("empty_set", "reduction over no elements"),
           ("reduction is not none", "several updates of one element"),
           ("mod_float_edge_cases", "remainders of infinities"),
           ("before it is computed", "an output that is not made"))
BEGIN = "<!-- tests/onnx/conformance.py writes what follows -->\n"


def collect():
    """The package's test cases; those of onnx 1.12 were written for an older numpy."""
    for name, kind in (("float", float), ("bool", bool), ("int", int), ("object", object)):
        if name not in numpy.__dict__:
            setattr(numpy, name, kind)
    from onnx.backend.test.case.node import collect_testcases
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [case for case in collect_testcases(None) if case.model is not None]


def operators(model):
    """A single one names the test; several are the expansion of an operator that is a function."""
    return {node.op_type for node in model.graph.node}


def settings_of(graph):
    return {node.input[i] for node in graph.node for i in SETTINGS.get(node.op_type, ())
            if i < len(node.input)}


def on_float32(case):
    """Whether numbers flow through the node that Tessera has: tests of other element types of the
    same operator are not for it."""
    inputs, outputs = case.data_sets[0]
    arrays = list(inputs) + list(outputs)
    if not all(isinstance(array, (numpy.ndarray, numpy.generic)) for array in arrays):
        return False
    if any(array.dtype not in TYPES for array in arrays):
        return False
    graph = case.model.graph
    known = settings_of(graph)
    flow = [array for value, array in zip(graph.input, inputs) if value.name not in known]
    return (not flow or any(array.dtype == numpy.float32 for array in flow) or
            graph.node[0].op_type in LOGICAL)


def prepared(case, least_opset):
    """The model with constants in place of what must be known, and the inputs that are left."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for opset in model.opset_import:  # what was not changed up to opset 9 is the same in it
        opset.version = max(least_opset, opset.version)
    graph, arrays = model.graph, {}
    known = settings_of(graph)
    for value, array in zip(graph.input, case.data_sets[0][0]):
        array = numpy.asarray(array)
        if array.dtype == numpy.bool_ and graph.node[0].op_type in LOGICAL:
            array = array.astype(numpy.float32)
        if array.dtype == numpy.float32 and value.name not in known:
            arrays[value.name] = array
        else:
            graph.initializer.append(numpy_helper.from_array(array, value.name))
    left = [value for value in graph.input if value.name in arrays]
    del graph.input[:]
    graph.input.extend(left)
    return model, arrays


def difference(found, expected, case):
    """What is wrong, or nothing."""
    expected = numpy.asarray(expected)
    if list(found.shape) != list(expected.shape):
        return f"shape is {list(found.shape)}, expected {list(expected.shape)}"
    expected = expected.astype(numpy.float32)
    if numpy.allclose(found, expected, rtol=case.rtol, atol=max(case.atol, 1e-6), equal_nan=True):
        return ""
    with numpy.errstate(invalid="ignore"):
        return f"off by {numpy.nanmax(abs(found - expected)):.2g}"


def run(session, case, least_opset=9):
    """What is wrong, or nothing."""
    model, arrays = prepared(case, least_opset)
    onnx.save(model, session.path("case.onnx"))
    result = session.run("infer", session.path("case.onnx"), arrays)
    if isinstance(result, str):
        return result.replace(session.folder.name, "")
    wrong = [difference(result[value.name], expected, case)
             for value, expected in zip(model.graph.output, case.data_sets[0][1])]
    return "; ".join(filter(None, wrong))


def kind(case):
    """The operator that a test is about."""
    ops = operators(case.model)
    return next(iter(ops)) if len(ops) == 1 else "functions, expanded"


def reason(name, message):
    known = (text for part, text in REASONS if part in message or part in name)
    return next(known, message)


class Report:
    """What the devices made of the tests."""

    def __init__(self, cases, supported, devices):
        self.devices, self.supported = devices, supported
        on_numbers = list({case.name: case for case in cases if on_float32(case)}.values())
        self.cases = [case for case in on_numbers if operators(case.model) <= supported]
        self.absent = collections.Counter(
            ", ".join(sorted(operators(case.model) - supported)) for case in on_numbers
            if not operators(case.model) <= supported)
        self.failures = {}  # (device, name) -> message

    def run(self, session, device):
        for case in self.cases:
            wrong = run(session, case)
            if wrong:
                self.failures[device, case.name] = wrong
                print(f"failed on {device}: {case.name}: {wrong}")

    def passed(self, device):
        return sum((device, case.name) not in self.failures for case in self.cases)

    def summary(self, device):
        return (f"{device}: {self.passed(device)} passed, "
                f"{len(self.cases) - self.passed(device)} failed, "
                f"{sum(self.absent.values())} not supported")

    def table(self):
        rows = collections.defaultdict(list)
        for case in self.cases:
            rows[kind(case)].append(case.name)
        head = "".join(f" {device} |" for device in self.devices)
        lines = [f"| operator | tests |{head}", "|---|---|" + "---|" * len(self.devices)]
        for op, names in sorted(rows.items()):
            counts = [sum((device, name) not in self.failures for name in names)
                      for device in self.devices]
            lines.append(f"| {op} | {len(names)} |" + "".join(f" {count} |" for count in counts))
        totals = "".join(f" {self.passed(device)} |" for device in self.devices)
        return "\n".join(lines + [f"| all | {len(self.cases)} |{totals}"])

    def reasons(self):
        why = collections.defaultdict(set)
        for (_, name), message in self.failures.items():
            why[reason(name, message)].add(name)
        return "\n".join(f"- {text}: {', '.join(f'`{name}`' for name in sorted(names))}"
                         for text, names in sorted(why.items()))

    def page(self):
        absent = ", ".join(f"{ops} ({count})" for ops, count in sorted(self.absent.items()))
        tested = set().union(*(operators(case.model) for case in self.cases))
        return f"""
The table counts the single-node backend tests on float32 in Python's onnx {onnx.__version__}, and how
many pass on each device within the tests' own tolerances. ONNX functions are also tested as the nodes they
expand to.

{self.table()}

Failed tests, with the reason:

{self.reasons()}

Imported operators without such tests: {", ".join(sorted(self.supported - tested))}.

Operators that are not imported, with the number of their tests: {absent}.
"""


def write(path, page):
    text = path.read_text()
    path.write_text(text[:text.index(BEGIN) + len(BEGIN)] + page)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("devices", nargs="*", default=["cpu"])
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    cases = [case for case in collect() if arguments.only in case.name]
    report = None
    for device in arguments.devices:
        session = Session(arguments.program, device)
        report = report or Report(cases, set(session.ask("operators").split()), arguments.devices)
        report.run(session, device)
        session.close()
    for device in arguments.devices:
        print(report.summary(device))
    if arguments.write:
        write(arguments.write, report.page())
    good = all(report.passed(device) >= LEAST * len(report.cases) for device in arguments.devices)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
