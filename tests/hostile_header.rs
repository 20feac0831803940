//! A header that lies, repeats itself or asks for much is refused, for at most 10 MB of memory beyond the file's size.

mod common;
#[path = "common/hostile.rs"]
mod hostile;

use common::model_files::*;
use common::{dense, network};
use hostile::*;
use purrceptron::activation::Activation::Relu;
use purrceptron::file::to_bytes;
use purrceptron::network::Model;
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

#[test]
fn a_header_that_claims_more_than_there_is_costs_nothing() {
    let _alone = alone();
    for claim in [1_000_000_000, 1 << 20, 1 << 32, 1 << 63, u64::MAX - 8, u64::MAX] {
        assert_refused(&["safetensors"], || [&claim.to_le_bytes()[..], &[b' '; 1000]].concat());
    }
}

#[test]
fn what_stands_there_twice_is_refused_by_name() {
    let _alone = alone();
    let twice = |old: &str| edited(old, &format!("{old},{old}"));
    let entry = |name: &str| {
        let header = parts(&write(&models()[2])).0;
        let start = header.find(&format!("\"{name}\":")).expect("the entry");
        header[start..start + header[start..].find('}').expect("its end") + 1].to_string()
    };
    assert_refused(&["layers.0.bias", "twice"], || twice(&entry("layers.0.bias")));
    let empty = r#""layers.0.bias":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"#;
    assert_refused(&["layers.0.bias", "twice"], || edited(r#""layers.0.bias""#, &format!("{empty}\"layers.0.bias\"")));
    assert_refused(&["layers.0.bias", "twice"], || {
        edited(r#""layers.0.bias""#, &format!(r#"{}"layers.0.bias""#, empty.replace("bias", r"bi\u0061s")))
    });
    assert_refused(&["__metadata__", "twice"], || edited(r#""__metadata__""#, r#""__metadata__":{},"__metadata__""#));
    assert_refused(&["purrceptron", "twice"], || edited(r#""purrceptron""#, r#""purrceptron":"{}","purrceptron""#));
    let again = |part: &str| {
        let description = metadata(&write(&models()[2])).to_string();
        assert_eq!(description.matches(part).count(), 1);
        described(&description.replace(part, &format!("{part}{part}")))
    };
    assert_refused(&["duplicate field", "format_version"], || again(r#""format_version":1,"#));
    assert_refused(&["duplicate field", "seed"], || {
        described(&with("/notes", json!({})).replace(r#""seed":0"#, r#""seed":0,"seed":1"#))
    });
    assert_refused(&["empty", "twice"], || again(r#""empty":"","#));
}

#[test]
fn tensors_that_overlap_leave_gaps_or_lie_elsewhere_are_refused_by_name() {
    let _alone = alone();
    let offsets =
        |new: &str| edited(r#""shape":[1,1],"data_offsets":[4,8]"#, &format!(r#""shape":[1,1],"data_offsets":{new}"#));
    assert_refused(&["layers.0", "first byte at 4"], || offsets("[0,4]"));
    for (new, word) in [
        ("[2,6]", "first byte at 4"),
        ("[5,9]", "first byte at 4"),
        ("[8,4]", "as many bytes"),
        ("[4,9]", "as many bytes"),
        ("[4,4]", "as many bytes"),
        ("[0,18446744073709551615]", "as many bytes"),
        ("[18446744073709551612,18446744073709551615]", "as many bytes"),
        ("[18446744073709551611,18446744073709551615]", "first byte at 4"),
        ("[4,18446744073709551616]", "does not parse"),
        ("[-4,0]", "does not parse"),
        ("[4.0,8.0]", "does not parse"),
        ("[4]", "does not parse"),
        ("[4,8,12]", "does not parse"),
        ("null", "does not parse"),
        ("\"4,8\"", "does not parse"),
    ] {
        assert_refused(&["layers.0.kernel", word], || offsets(new));
    }
    let (header, data) = parts(&write(&models()[2]));
    assert_refused(&["tensors", "8 bytes"], || assembled(&header, &data[..7]));
    assert_refused(&["tensors", "8 bytes"], || assembled(&header, &[&data[..], &[0; 4]].concat()));
}

#[test]
fn shapes_and_types_that_are_not_the_networks_are_refused_by_name() {
    let _alone = alone();
    let shape = |new: &str| edited(r#""shape":[1,1]"#, &format!(r#""shape":{new}"#));
    for new in
        ["[]", "[1]", "[1,1,1]", "[2,1]", "[0,1]", "[18446744073709551615,18446744073709551615]", "[-1,-1]", "null"]
    {
        assert_refused(&["layers.0.kernel"], || shape(new));
    }
    let dtypes = ["F64", "F16", "BF16", "I32", "U32", "BOOL", "F8_E4M3", "C64", "f32", "F33", ""];
    for dtype in dtypes {
        let old = r#"{"dtype":"F32","shape":[1,1]"#;
        assert_refused(&["layers.0.kernel"], || edited(old, &old.replace("F32", dtype)));
    }
}

/// Names are looked up among the network's own: none of them reaches the file system, or a terminal.
#[test]
fn names_that_play_tricks_are_names_that_the_network_does_not_have() {
    let _alone = alone();
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        r"C:\\con",
        "layers.0.kernel/../bias",
        "layers.0.kernel ",
        r"layers.0.kernel\u0000",
        "layers.00.kernel",
        "layers.0.KERNEL",
        "layers.0.kernеl", // its second e is Cyrillic
        r"\u001b[2J\u202e",
        "",
        "__proto__",
    ] {
        assert_refused(&["layers.0.kernel", "missing"], || edited("layers.0.kernel", name));
    }
    for wrong in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"] {
        assert_refused(&["safetensors"], || {
            let (header, data) = parts(&write(&models()[2]));
            let place = header.find("kernel").expect("a name");
            let header = [&header.as_bytes()[..place], wrong, &header.as_bytes()[place..]].concat();
            [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
        });
    }
    assert_refused(&["safetensors"], || edited("layers.0.kernel", r"layers.0.\ud800kernel"));
    for field in ["\u{1b}[2J\u{1b}]0;owned\u{7}", "\u{202e}lenrek", "line\nline"] {
        let description = metadata(&write(&models()[2]));
        assert_refused(&["unknown field"], || {
            let mut description = description.clone();
            description[field] = json!(1);
            described(&description.to_string())
        });
        assert_refused(&["unknown variant"], || described(&with("/network/layers/0/activation", json!(field))));
    }
}

/// JSON that is small in the file and large in memory.
#[test]
fn a_header_of_a_mebibyte_takes_little_memory_whatever_is_in_it() {
    let _alone = alone();
    let data = parts(&write(&models()[2])).1;
    let header = |text: String| assembled(&text, &data);
    assert_refused(&["16384 names"], || header(format!("{{{}}}", names(MIB - 2, ":0"))));
    assert_refused(&["16384 names"], || header(format!("{{\"__metadata__\":{{{}}}}}", names(MIB - 30, ":\"\""))));
    assert_refused(&["safetensors"], || header(format!("{{\"a\":{}", filled(MIB - 10, "["))));
    assert_refused(&["no description"], || {
        let half = MIB / 2 - 10;
        header(format!("{{\"a\":{}{}}}", filled(half, "["), filled(half, "]")))
    });
    assert_refused(&["layers.0.kernel"], || edited("[1,1]", &format!("[{}1]", filled(MIB - 2000, "1,"))));
    assert_refused(&["safetensors"], || edited("[1,1]", &filled(MIB - 2000, "[")));
    let name = filled(MIB - 2000, "n");
    assert_refused(&["layers.0.kernel"], || edited("layers.0.kernel", &name));
    assert_refused(&["layers.0.kernel"], || {
        edited(r#"{"dtype":"F32","shape":[1,1]"#, &format!(r#"{{"dtype":"{name}","shape":[1,1]"#))
    });
}

#[test]
fn a_description_of_a_mebibyte_takes_little_memory_whatever_is_in_it() {
    let _alone = alone();
    let most = MIB - 4000;
    let long = || json!(filled(most, "n"));
    assert_refused(&[], || described(&filled(most, "[")));
    assert_refused(&["parse"], || described(&filled(most / 2, "{\"\":")));
    assert_refused(&["fingerprint"], || described(&with("/fingerprint", long())));
    assert_refused(&["checksum"], || described(&with("/library_version", long())));
    assert_refused(&["checksum"], || described(&with("/notes", json!({"a": filled(most, "n")}))));
    assert_refused(&["16384 names"], || {
        let notes = names(most * 10 / 16, ":\"\"");
        described(&with("/notes", json!("notes")).replace("\"notes\":\"notes\"", &format!("\"notes\":{{{notes}}}")))
    });
    assert_refused(&["unknown field"], || {
        let field = filled(most, "f");
        described(&with("/notes", json!({})).replace("\"notes\"", &format!("\"{field}\":0,\"notes\"")))
    });
    assert_refused(&["unknown variant"], || described(&with("/network/layers/0/activation", long())));
}

/// Networks of as many values as are read at all, and of more.
#[test]
fn a_network_that_is_described_at_length_takes_little_memory() {
    let _alone = alone();
    let layers = |layer: Value| {
        let count = 16_000 / (layer.to_string().matches([',', '[', '{']).count() + 1);
        described(&with("/network/layers", Value::Array(vec![layer; count])))
    };
    let fields = |place: &str, text: &str, count: usize| {
        let many = format!("[{}0]", text.repeat(count));
        described(&with(place, json!("here")).replace("\"here\"", &many))
    };
    for place in ["/network/layers/0/units", "/network/layers/0/activation", "/network/layers/0/kernel_initializer"] {
        for text in ["0,", "[],", "{},", "\"\",", "{\"\":0},"] {
            assert_refused(&["16384 values"], || fields(place, text, 20_000));
            let each = text.matches([',', '[', '{', ':']).count();
            assert_refused(&["invalid type"], || fields(place, text, 16_000 / each));
        }
    }
    assert_refused(&["input_shape"], || fields("/network/input_shape", "1,", 16_000));
    assert_refused(&["parse"], || fields("/network/layers", "0,", 16_000));
    let norm = |name: &str| json!({"type": name, "epsilon": 1.0});
    for layer in [
        json!({"type": "flatten"}),
        json!({"type": "normalize"}),
        json!({"type": "dropout", "rate": 0}),
        json!({"type": "rescale", "scale": 1}),
        json!({"type": "gaussian_noise", "deviation": 0}),
        json!({"type": "activation", "activation": "relu"}),
        json!({"type": "activation", "activation": {"prelu": {"alpha": 0.1}}}),
        json!({"type": "residual", "layers": [{"type": "flatten"}]}),
        json!({"type": "batch_norm", "momentum": 0, "epsilon": 1}),
        norm("layer_norm"),
        norm("rms_norm"),
    ] {
        assert_refused(&[], || layers(layer));
    }
    // The same on samples of many axes, which every layer keeps.
    for (axes, words) in
        [(64, &["number of tensors"][..]), (65, &["input_shape", "64 axes"]), (15_000, &["input_shape"])]
    {
        assert_refused(words, || {
            let mut description: Value =
                serde_json::from_str(&with("/network/input_shape", json!(vec![1; axes]))).expect("JSON");
            let count = (16_000 - axes) / 3;
            description["network"]["layers"] = json!(vec![json!({"type": "dropout", "rate": 0}); count]);
            described(&description.to_string())
        });
    }
    let deep = |depth: usize| {
        let inner = format!(
            "{}{{\"type\":\"flatten\"}}{}",
            "{\"type\":\"residual\",\"layers\":[".repeat(depth),
            "]}".repeat(depth)
        );
        described(&with("/network/layers", json!("here")).replace("\"here\"", &format!("[{inner}]")))
    };
    assert_refused(&["32 deep"], || deep(40));
    for depth in [100, 1000, 4000] {
        assert_refused(&["recursion limit"], || deep(depth));
    }
}

/// Few bytes of a file would ask for many networks.
#[test]
fn an_ensemble_that_is_described_at_length_takes_little_memory() {
    let _alone = alone();
    let ensemble = |members: usize, layers: Value| {
        let mut description: Value = serde_json::from_str(&with("/network/layers", layers)).expect("JSON");
        description["format_version"] = json!(2);
        description["members"] = json!(vec![json!({"seed": 0, "fingerprint": ""}); members]);
        described(&description.to_string())
    };
    let flatten = |count: usize| json!(vec![json!({"type": "flatten"}); count]);
    assert_refused(&["ensemble of 20001 networks", "16384 values"], || ensemble(20_000, flatten(1)));
    assert_refused(&["ensemble of 101 networks", "16384 values"], || ensemble(100, flatten(1000)));
    assert_refused(&["number of tensors", "expected 0"], || ensemble(1000, flatten(2)));
    assert_refused(&["number of tensors", "expected 0"], || ensemble(15, flatten(500)));
    let dense = json!([{"type": "dense", "units": 1u64 << 38, "activation": "relu", "kernel_initializer": "zeros",
        "bias_initializer": "zeros"}]);
    assert_refused(&["number of tensors", "expected 1000"], || ensemble(499, dense));
    assert_refused(&["unknown field"], || {
        described(&with("/notes", json!({})).replace("\"notes\"", "\"members\":[{\"name\":0}],\"notes\""))
    });
}

#[test]
fn giant_layers_cost_nothing_even_if_the_tensors_claim_to_be_there() {
    let _alone = alone();
    for units in [1u64 << 32, 1 << 38, 1 << 39] {
        assert_refused(&["tensors", "bytes"], || {
            let description = with("/network/layers/0/units", json!(units)).replace("sigmoid", "relu");
            let entry = |shape: Value, start: u64, end: u64| json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]});
            let header = json!({
                "__metadata__": {"purrceptron": description},
                "layers.0.kernel": entry(json!([1, units]), 0, 4 * units),
                "layers.0.bias": entry(json!([units]), 4 * units, 8 * units),
            });
            assembled(&header.to_string(), &[0; 8])
        });
    }
    for units in [1u64 << 40, 1 << 63, u64::MAX] {
        assert_refused(&["2^40"], || described(&with("/network/layers/0/units", json!(units))));
    }
}

/// Weights are read into their place: what a large file takes is its own size.
#[test]
fn a_large_file_that_is_refused_takes_no_more_than_its_size() {
    let _alone = alone();
    let large = || {
        let model = Model::F32(network(2000, vec![dense(10_000, Relu)], 0));
        to_bytes(&model, &Notes::new(), "the file".as_ref()).expect("a model that can be saved")
    };
    let mut file = large();
    assert!(file.len() > 80_000_000);
    let last = file.len() - 1;
    assert_refused(&["truncated"], || file[..last].to_vec());
    file[last] ^= 1;
    assert_refused(&["fingerprint"], || file.clone());
    file[last - 3..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_refused(&["not a finite number"], || file.clone());
    file.push(0);
    assert_refused(&["damaged", "bytes"], || file.clone());
}

/// The forgeries above are refused for what is changed in them: without a change the file is a model.
#[test]
fn the_same_file_without_a_change_is_a_model() {
    let _alone = alone();
    let model = &models()[2];
    assert_equal(&read(&edited("layers.0.kernel", "layers.0.kernel")).expect("a model"), model, &notes());
    assert_equal(&read(&described(&metadata(&write(model)).to_string())).expect("a model"), model, &notes());
}
