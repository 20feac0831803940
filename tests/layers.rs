//! Every layer: its gradient, its bits, its place in a file, and what it promises.

use std::path::Path;

use crate::common::differences::{assert_close, differences_if_smooth, dot};
use crate::common::layers::{Example, layer_examples, networks_with, samples_for};
use crate::common::training::*;
use crate::common::{bits, dense, digest, matrix, network, numbers, same_at_every_level};
use ndarray::{Array2, ArrayView2, Axis};
use purrceptron::activation::Activation::{Identity, Sigmoid, Softmax, Tanh};
use purrceptron::error::Error;
use purrceptron::file::{from_bytes, to_bytes};
use purrceptron::initializer::Initializer;
use purrceptron::layer::Input;
use purrceptron::loss::Loss;
use purrceptron::math::{DType, Float};
use purrceptron::network::{Model, Network, Samples};
use purrceptron::spec::{LayerSpec, NetworkSpec};
use purrceptron::train::*;

fn view<F>(rows: &[F], samples: usize) -> ArrayView2<'_, F> {
    ArrayView2::from_shape((samples, rows.len() / samples), rows).expect("whole rows")
}

/// The gradient of `dout · output` with respect to parameters and inputs, against central differences, in training and
/// not; each pass in training draws the same random numbers.
fn agrees_if_smooth(network: &Network<f64>, rows: &[f64], samples: usize, training: bool) -> bool {
    let dout = matrix::<f64>(3, samples, network.spec().outputs());
    let value = |network: &Network<f64>, rows: &[f64]| {
        let all = network.forward_all(Samples::Floats(view(rows, samples)), training, 7, 1).expect("data that fit");
        dot(all.last().and_then(|last| last.as_slice()).expect("an output"), dout.as_slice().expect("rows"))
    };
    let x = Samples::Floats(view(rows, samples));
    let (gradient, dx) = network.backward_all(x, &dout, training, 7, 1).expect("data that fit");
    let mut moved = network.clone();
    let by_parameters = differences_if_smooth(network.parameters(), |parameters| {
        moved.set_parameters(parameters.to_vec()).expect("as many");
        value(&moved, rows)
    });
    let reads_numbers = !matches!(network.spec().layers[0], LayerSpec::Embedding { .. });
    let by_inputs = if reads_numbers {
        differences_if_smooth(rows, |rows| value(network, rows))
    } else {
        Some(vec![0.0; rows.len()])
    };
    let (Some(by_parameters), Some(by_inputs)) = (by_parameters, by_inputs) else { return false };
    let what = |name: &str| format!("{name} of {:?}, training {training}", network.spec().layers);
    for parameter in network.named_parameters() {
        let range = parameter.range.clone();
        assert_close(&what(&parameter.name), &gradient[range.clone()], &by_parameters[range]);
    }
    assert_close(&what("dx"), dx.as_slice().expect("row after row"), &by_inputs);
    true
}

#[test]
fn every_layer_agrees_with_central_differences_wherever_it_stands() {
    for example in layer_examples() {
        for network in networks_with::<f64>(&example, 2) {
            for samples in [1, 2, 9] {
                for training in [true, false] {
                    let smooth = [1.0, 0.9, 1.1, 0.7].into_iter().any(|factor| {
                        let embeds = matches!(network.spec().layers[0], LayerSpec::Embedding { .. });
                        let rows = samples_for::<f64>(&network, samples);
                        let rows: Vec<f64> = rows.iter().map(|x| if embeds { *x } else { x * factor }).collect();
                        agrees_if_smooth(&network, &rows, samples, training)
                    });
                    assert!(smooth, "{example:?}: a kink everywhere");
                }
            }
        }
    }
}

/// Layers with everything that is random, gathered, or kept.
fn everything(last: usize) -> Vec<LayerSpec> {
    let norm = |momentum| LayerSpec::BatchNorm { momentum, epsilon: 1e-5, trainable: true };
    let residual = vec![
        LayerSpec::LayerNorm { epsilon: 1e-5, trainable: true },
        dense(40, purrceptron::activation::Activation::Mish),
        LayerSpec::Dropout { rate: 0.2 },
        norm(0.5),
    ];
    vec![
        LayerSpec::Normalize {},
        LayerSpec::GaussianNoise { deviation: 0.1 },
        dense(40, purrceptron::activation::Activation::Prelu { initial_slope: 0.25 }),
        norm(0.9),
        LayerSpec::Residual { layers: residual },
        LayerSpec::RmsNorm { epsilon: 1e-6, trainable: true },
        dense(30, purrceptron::activation::Activation::Selu),
        LayerSpec::AlphaDropout { rate: 0.1 },
        dense(last, Identity),
    ]
}

fn weights<F: Float>(trained: purrceptron::error::Result<(Network<F>, History)>) -> Network<F> {
    trained.expect("training that works").0
}

fn print<F: Float>(network: Network<F>) -> String {
    network.fingerprint().expect("finite")
}

fn trained_on_everything<F: Float>(threads: usize, batch_size: Option<usize>) -> Network<F> {
    let net = network::<F>(50, everything(3), 4);
    let x = matrix::<F>(2, 90, 50);
    let with = (ADAM, Loss::CROSS_ENTROPY, threads);
    weights(trained(&net, with, Samples::Floats(x.view()), &classes(90, 3), &options(3, batch_size)))
}

#[test]
fn no_number_of_threads_changes_a_bit_of_any_layer() {
    for batch_size in [Some(32), None] {
        let first = print(trained_on_everything::<f32>(1, batch_size));
        for threads in [1, 2, 3] {
            assert_eq!(print(trained_on_everything::<f32>(threads, batch_size)), first, "{threads} threads");
        }
    }
    for example in layer_examples() {
        for net in networks_with::<f32>(&example, 3) {
            let x = samples_for::<f32>(&net, 300);
            let pass = |threads| {
                let x = Samples::Floats(view(&x, 300));
                let all = net.forward_all(x, true, 1, threads).expect("fits");
                let dout = matrix::<f32>(1, 300, 3);
                let (gradient, dx) = net.backward_all(x, &dout, true, 1, threads).expect("fits");
                digest(all.iter().flatten().chain(&gradient).chain(&dx))
            };
            assert_eq!(pass(3), pass(1), "{example:?}");
        }
    }
}

#[test]
fn every_layer_has_the_same_bits_at_every_instruction_set() {
    same_at_every_level(module_path!(), "every_layer_has_the_same_bits_at_every_instruction_set", || {
        let mut all =
            vec![print(trained_on_everything::<f32>(2, Some(32))), print(trained_on_everything::<f64>(1, None))];
        for example in layer_examples() {
            for net in networks_with::<f32>(&example, 3) {
                let (x, dout) = (samples_for::<f32>(&net, 37), matrix::<f32>(1, 37, 3));
                let x = Samples::Floats(view(&x, 37));
                let out = net.forward_all(x, true, 1, 1).expect("fits");
                let (gradient, dx) = net.backward_all(x, &dout, true, 1, 1).expect("fits");
                all.push(digest(out.iter().flatten().chain(&gradient).chain(&dx)));
            }
        }
        digest(&all.iter().flat_map(|text| text.bytes().map(f64::from)).collect::<Vec<_>>())
    });
}

#[test]
fn a_network_of_any_layer_comes_back_from_its_file_with_its_buffers() {
    let path = Path::new("the file");
    let there_and_back = |net: &Network<f32>| {
        let bytes = to_bytes(&Model::F32(net.clone()), &Default::default(), path).expect("saved");
        let (Model::F32(back), _) = from_bytes(&bytes, path).expect("loaded") else { panic!("another type") };
        assert_eq!(back.spec(), net.spec());
        assert_eq!((bits(back.parameters()), bits(back.buffers())), (bits(net.parameters()), bits(net.buffers())));
        back
    };
    for example in layer_examples() {
        networks_with::<f32>(&example, 2).iter().for_each(|net| drop(there_and_back(net)));
    }
    let net = trained_on_everything::<f32>(1, Some(32));
    let names: Vec<&str> = net.named_buffers().iter().map(|buffer| buffer.name.as_str()).collect();
    let expected = ["layers.0.mean", "layers.0.deviation", "layers.0.count", "layers.3.mean", "layers.3.variance"];
    assert_eq!(names[..5], expected);
    assert_eq!(names[5..], ["layers.4.layers.3.mean", "layers.4.layers.3.variance"]);
    let x = matrix::<f32>(9, 20, 50);
    let predict = |net: &Network<f32>| bits(&net.predict(Samples::Floats(x.view()), false, 1).expect("fits"));
    assert_eq!(predict(&there_and_back(&net)), predict(&net));
}

#[test]
fn a_buffer_is_part_of_the_fingerprint() {
    let net = trained_on_everything::<f32>(1, None);
    for i in 0..net.buffers().len() {
        let (mut other, mut buffers) = (net.clone(), net.buffers().to_vec());
        buffers[i] = buffers[i].next_up();
        other.set_buffers(buffers).expect("as many");
        assert_ne!(other.fingerprint().expect("finite"), net.fingerprint().expect("finite"), "buffer {i}");
    }
    net.clone().set_buffers(vec![0.0; 3]).expect_err("too few");
}

fn only(layer: LayerSpec, inputs: usize) -> Network<f64> {
    network::<f64>(inputs, vec![layer], 3)
}

fn last(net: &Network<f64>, x: &Array2<f64>, training: bool, step: u64) -> Array2<f64> {
    net.forward_all(Samples::Floats(x.view()), training, step, 1).expect("fits").pop().expect("a layer")
}

#[test]
fn dropout_drops_its_share_in_training_anew_in_every_step_and_nothing_otherwise() {
    let x = Array2::<f64>::ones((100, 200));
    for rate in [0.0, 0.3, 0.9] {
        let net = only(LayerSpec::Dropout { rate }, 200);
        assert_eq!(last(&net, &x, false, 0), x);
        let first = last(&net, &x, true, 0);
        let dropped = first.iter().filter(|y| **y == 0.0).count() as f64 / 20_000.0;
        assert!((dropped - rate).abs() < 0.015, "{dropped} of {rate}");
        assert!(first.iter().all(|y| *y == 0.0 || (*y - 1.0 / (1.0 - rate)).abs() < 1e-15));
        assert_eq!(first, last(&net, &x, true, 0), "the same step, the same units");
        assert_eq!(rate == 0.0, first == last(&net, &x, true, 1), "another step, others");
    }
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    let net = only(LayerSpec::AlphaDropout { rate: 0.3 }, 400);
    let mut stream = purrceptron::random::Stream::new(0, "normal", 0);
    let x = Array2::from_shape_fn((500, 400), |_| stream.normal_pair()[0]);
    assert_eq!(last(&net, &x, false, 0), x);
    let y = last(&net, &x, true, 0);
    let (mean, variance) = (y.mean().expect("numbers"), y.var(0.0));
    assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
}

#[test]
fn gaussian_noise_has_its_deviation_in_training_alone() {
    let net = only(LayerSpec::GaussianNoise { deviation: 0.5 }, 300);
    let x = matrix::<f64>(1, 301, 300);
    assert_eq!(last(&net, &x, false, 0), x);
    let noise = last(&net, &x, true, 4) - &x;
    let (mean, deviation) = (noise.mean().expect("numbers"), noise.std(0.0));
    assert!(mean.abs() < 0.01 && (deviation - 0.5).abs() < 0.01, "{mean} {deviation}");
}

#[test]
fn batch_norm_standardizes_by_the_batch_in_training_and_by_running_statistics_otherwise() {
    let norm = LayerSpec::BatchNorm { momentum: 0.75, epsilon: 1e-9, trainable: true };
    let x = matrix::<f64>(1, 60, 3).mapv(|x| 5.0 + 2.0 * x);
    let y = last(&only(norm.clone(), 3), &x, true, 0);
    for column in y.columns() {
        assert!(column.mean().expect("numbers").abs() < 1e-12 && (column.var(0.0) - 1.0).abs() < 1e-7);
    }
    // One step of training moves the running statistics by a quarter, with the unbiased variance.
    let mut net = only(norm, 3);
    assert!((last(&net, &x, false, 0) - &x).iter().all(|d| d.abs() < 1e-7), "they begin at 0 and 1");
    let mut trainer = Trainer::new(&net, SGD, Loss::MeanSquaredError, 1).expect("in range");
    let targets = OwnedTargets::Values(vec![0.0; 180]);
    let rows: Vec<f64> = x.iter().copied().collect();
    trainer
        .step(&mut net, Batch { input: Input::Rows(&rows), targets: targets.view(), samples: 60, weights: None })
        .expect("finite");
    let mean = x.mean_axis(Axis(0)).expect("rows") * 0.25;
    let variance = x.var_axis(Axis(0), 1.0) * 0.25 + 0.75;
    let expected: Vec<f64> = mean.iter().chain(&variance).copied().collect();
    assert_close("running statistics", net.buffers(), &expected);
}

#[test]
fn evaluation_and_prediction_gather_nothing_and_drop_nothing() {
    let net = trained_on_everything::<f64>(1, Some(32));
    let x = matrix::<f64>(5, 30, 50);
    let mut trainer = Trainer::new(&net, ADAM, Loss::CROSS_ENTROPY, 1).expect("in range");
    let targets = classes(30, 3);
    let mut evaluate = || trainer.evaluate(&net, Samples::Floats(x.view()), targets.view(), &[]).expect("fits").loss;
    let loss = evaluate();
    assert_eq!(evaluate(), loss);
    let logits = net.predict(Samples::Floats(x.view()), false, 1).expect("fits");
    let OwnedTargets::Classes(classes) = &targets else { panic!("classes") };
    let expected = logits
        .rows()
        .into_iter()
        .zip(classes)
        .map(|(row, class)| row.iter().map(|z| z.exp()).sum::<f64>().ln() - row[*class as usize]);
    assert!((expected.sum::<f64>() / 30.0 - loss).abs() < 1e-12);
    let one = x.select(Axis(0), &[7]);
    assert_eq!(bits(&net.predict(Samples::Floats(one.view()), false, 1).expect("fits")), bits(logits.row(7)));
}

#[test]
fn layer_norm_and_rms_norm_standardize_every_place_by_itself() {
    let x = matrix::<f64>(1, 8, 12).mapv(|x| 3.0 + x);
    let spec = |layer| NetworkSpec { input_shape: vec![3, 4], layers: vec![layer], dtype: DType::Float64, seed: 0 };
    let net = Network::new(spec(LayerSpec::LayerNorm { epsilon: 1e-9, trainable: true })).expect("fits");
    let all = last(&net, &x, false, 0);
    for place in view(all.as_slice().expect("rows"), 24).rows() {
        assert!(place.mean().expect("numbers").abs() < 1e-12 && (place.var(0.0) - 1.0).abs() < 1e-6);
    }
    let net = Network::new(spec(LayerSpec::RmsNorm { epsilon: 1e-9, trainable: true })).expect("fits");
    let all = last(&net, &x, false, 0);
    for place in view(all.as_slice().expect("rows"), 24).rows() {
        assert!((place.dot(&place) / 4.0 - 1.0).abs() < 1e-6);
    }
}

#[test]
fn normalize_learns_its_statistics_from_the_training_data_once() {
    let x = matrix::<f64>(1, 700, 4).mapv(|x| 1e6 + 3.0 * x);
    let mut x = x; // the last feature never changes
    x.column_mut(3).fill(7.0);
    let start =
        network::<f64>(4, vec![LayerSpec::Rescale { scale: 0.5 }, LayerSpec::Normalize {}, dense(1, Identity)], 0);
    let y = OwnedTargets::Values(numbers(3, 700));
    let with = (ADAM, Loss::MeanSquaredError, 2);
    let net = weights(trained(&start, with.clone(), Samples::Floats(x.view()), &y, &options(2, Some(64))));
    let normal = &net.forward_all(Samples::Floats(x.view()), false, 0, 1).expect("fits")[1];
    for (i, column) in normal.columns().into_iter().enumerate() {
        let variance = if i == 3 { 0.0 } else { 1.0 };
        assert!(column.mean().expect("numbers").abs() < 1e-8 && (column.var(0.0) - variance).abs() < 1e-8);
    }
    // A second training, and other data: the weights were learned for these statistics.
    let other = matrix(2, 700, 4);
    let again = weights(trained(&net, with, Samples::Floats(other.view()), &y, &options(1, Some(64))));
    assert_eq!(bits(again.buffers()), bits(net.buffers()));
    let mut trainer = Trainer::new(&start, SGD, Loss::MeanSquaredError, 1).expect("in range");
    let batch = Batch {
        input: Input::Rows(&[1.0; 4]),
        targets: purrceptron::loss::Targets::Values(&[0.0]),
        samples: 1,
        weights: None,
    };
    let error = trainer.step(&mut start.clone(), batch).expect_err("no statistics yet");
    assert!(error.to_string().contains("layers[1]") && error.to_string().contains("adapt"), "{error}");
}

#[test]
fn an_embedding_gives_rows_of_its_table_and_refuses_what_is_no_entry() {
    let layer =
        LayerSpec::Embedding { entries: 4, units: 3, embeddings_initializer: Initializer::HeUniform, trainable: true };
    let net = only(layer, 2);
    let x = ndarray::array![[0.0, 3.0], [2.0, 2.0]];
    let y = last(&net, &x, false, 0);
    for (i, entry) in [0, 3, 2, 2].into_iter().enumerate() {
        assert_eq!(y.as_slice().expect("rows")[3 * i..3 * i + 3], net.parameters()[3 * entry..3 * entry + 3]);
    }
    for wrong in [4.0, -1.0, 0.5, 1e300] {
        let mut x = x.clone();
        x[(1, 0)] = wrong;
        let error = net.predict(Samples::Floats(x.view()), false, 1).expect_err("no entry");
        let said = error.to_string();
        assert!(
            matches!(error, Error::Data(_)) && said.contains("sample 1, feature 0") && said.contains("0..=3"),
            "{said}"
        );
        let with_head = network::<f64>(2, vec![net.spec().layers[0].clone(), dense(1, Identity)], 0);
        let mut trainer = Trainer::new(&with_head, SGD, Loss::MeanSquaredError, 1).expect("in range");
        let (mut moved, y) = (with_head.clone(), OwnedTargets::Values(vec![0.0; 2]));
        fit_arrays(&mut trainer, &mut moved, Samples::Floats(x.view()), y, None, &options(1, Some(1)), &mut ())
            .expect_err("no entry");
        assert_eq!(bits(moved.parameters()), bits(with_head.parameters()), "refused before anything changes");
    }
}

#[test]
fn no_optimizer_moves_what_is_frozen() {
    let freeze = |mut layers: Vec<LayerSpec>, frozen: &[usize]| {
        let mut json = serde_json::to_value(&layers).expect("JSON");
        frozen.iter().for_each(|i| json[i]["trainable"] = false.into());
        layers = serde_json::from_value(json).expect("layers");
        layers
    };
    let layers = freeze(everything(3), &[2, 3, 5]);
    let start = network::<f64>(50, layers, 4);
    for optimizer in [SGD, NESTEROV, ADAM] {
        let x = matrix::<f64>(2, 90, 50);
        let with = (optimizer, Loss::CROSS_ENTROPY, 2);
        let net = weights(trained(&start, with, Samples::Floats(x.view()), &classes(90, 3), &options(2, Some(32))));
        for parameter in start.named_parameters() {
            let [before, after] = [&start, &net].map(|net| bits(&net.parameters()[parameter.range.clone()]));
            let frozen = ["layers.2.", "layers.3.", "layers.5."].iter().any(|layer| parameter.name.starts_with(layer));
            assert_eq!(before == after, frozen, "{}", parameter.name);
            assert_eq!(parameter.trainable, !frozen);
        }
        // A frozen BatchNorm keeps its running statistics, too.
        let statistics = |net: &Network<f64>| bits(&net.buffers()[101..][..80]);
        assert_eq!(statistics(&net), statistics(&start));
    }
    let names = ["kernel", "bias", "slope", "gamma", "beta"].len();
    assert_eq!(start.frozen().len(), 2, "neighbours are one range");
    assert_eq!(
        start.frozen()[0],
        start.named_parameters()[0].range.start..start.named_parameters()[names - 1].range.end
    );
}

/// A loss that reads logits leaves out the last activation, whichever layer it belongs to.
#[test]
fn an_activation_of_its_own_at_the_end_is_that_of_the_layer_before() {
    let of_its_own = LayerSpec::Activation { activation: Softmax, trainable: true };
    let x = matrix::<f64>(2, 40, 5);
    let run = |layers| {
        let start = network::<f64>(5, layers, 0);
        let with = (ADAM, Loss::CROSS_ENTROPY, 1);
        weights(trained(&start, with, Samples::Floats(x.view()), &classes(40, 3), &options(2, Some(16))))
    };
    let (one, other) = (run(vec![dense(3, Softmax)]), run(vec![dense(3, Identity), of_its_own]));
    assert_eq!(bits(one.parameters()), bits(other.parameters()));
    let predict = |net: &Network<f64>| bits(&net.predict(Samples::Floats(x.view()), false, 1).expect("fits"));
    assert_eq!(predict(&one), predict(&other));
}

#[test]
fn fifty_layers_train_with_residuals_and_layer_norm() {
    let block = || LayerSpec::Residual {
        layers: vec![LayerSpec::LayerNorm { epsilon: 1e-5, trainable: true }, dense(16, Tanh)],
    };
    let mut layers = vec![dense(16, Identity)];
    layers.extend((0..48).map(|_| block()));
    layers.push(dense(2, Softmax));
    assert_eq!(layers.len(), 50);
    let net = network::<f32>(2, layers, 1);
    let x = matrix::<f32>(1, 400, 2);
    let y = x.rows().into_iter().map(|row| u32::from(row[0] * row[1] > 0.0)).collect();
    let mut trained = net.clone();
    let mut trainer = Trainer::new(&trained, ADAM, Loss::CROSS_ENTROPY, 2).expect("in range");
    let history = fit_arrays(
        &mut trainer,
        &mut trained,
        Samples::Floats(x.view()),
        OwnedTargets::Classes(y),
        None,
        &options(30, Some(32)),
        &mut (),
    )
    .expect("works");
    let loss = history.epochs.last().expect("epochs").training.loss;
    assert!(loss < 0.15, "{loss}");
}

#[test]
fn rows_of_a_first_layer_that_is_not_dense_are_trained_directly_and_the_others_reduced() {
    let (x, y) = (matrix::<f64>(1, 20, 400), OwnedTargets::Values(vec![0.5; 20]));
    let solver = |layers: Vec<LayerSpec>, solver| {
        let mut net = network::<f64>(400, layers, 0);
        let mut trainer = Trainer::new(&net, SGD, Loss::BINARY_CROSS_ENTROPY, 1).expect("in range");
        let options = FitOptions { solver, ..options(40, None) };
        let x = Samples::Floats(x.view());
        let history = fit_arrays(&mut trainer, &mut net, x, y.clone(), None, &options, &mut ()).expect("works");
        (history.solver, history.reason, net)
    };
    let first = |example: &Example| vec![example.layer.clone(), dense(1, Sigmoid)];
    for example in layer_examples().iter().filter(|example| example.shape == [7] || example.shape == [3]) {
        let name: &str = (&example.layer).into();
        if !["dense", "rescale"].contains(&name) {
            let (ran, reason, _) = solver(first(example), Solver::Auto);
            assert!(ran == Solver::Direct && reason.contains("not dense"), "{name}: {reason}");
        }
    }
    // Random numbers and statistics of later layers are the same in the span of the data.
    let examples = layer_examples().into_iter().filter(|example| example.shape.len() == 1);
    let later = examples.flat_map(|Example { shape, layer }| {
        [(shape[0], layer.clone()), (shape[0], LayerSpec::Residual { layers: vec![layer] })]
    });
    let mut compared = 0;
    for (units, layer) in later {
        let layers = vec![LayerSpec::Rescale { scale: 0.5 }, dense(units, Tanh), layer.clone(), dense(1, Sigmoid)];
        let spec = NetworkSpec { input_shape: vec![400], layers: layers.clone(), dtype: DType::Float64, seed: 0 };
        if Network::<f64>::new(spec).is_err() {
            continue; // first layers alone
        }
        compared += 1;
        let (reduced, direct) = (solver(layers.clone(), Solver::Auto), solver(layers, Solver::Direct));
        assert_eq!((reduced.0, direct.0), (Solver::Reduced, Solver::Direct), "{layer:?}");
        assert_close(&format!("weights, {layer:?}"), reduced.2.parameters(), direct.2.parameters());
        assert_close(&format!("running statistics, {layer:?}"), reduced.2.buffers(), direct.2.buffers());
    }
    assert!(compared > 40, "{compared}");
}
