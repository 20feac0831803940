//! The JSON form of an optimizer: one flat object, as in Python.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Error, Map, Value, from_value};

use super::{Average, Optimizer, Rule};
use crate::schedule::Schedule;

/// An optimizer, flat.
#[derive(Serialize)]
pub(super) struct Described {
    #[serde(flatten)]
    rule: Rule,
    #[serde(flatten)]
    common: Common,
}

/// What all rules share. What older descriptions do not have is as it was then: nothing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    learning_rate: Option<Rate>,
    #[serde(default, skip_serializing_if = "is_zero")]
    weight_decay: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clip_norm: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clip_value: Option<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    layer_rates: BTreeMap<usize, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    average: Option<Average>,
}

/// A number, or a schedule.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "Value", untagged)]
enum Rate {
    Number(f64),
    Changing(Schedule),
}

impl TryFrom<Value> for Rate {
    type Error = Error;

    fn try_from(value: Value) -> Result<Rate, Error> {
        match value {
            Value::Object(_) => from_value(value).map(Rate::Changing),
            number => from_value(number).map(Rate::Number),
        }
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

const COMMON: [&str; 6] = ["learning_rate", "weight_decay", "clip_norm", "clip_value", "layer_rates", "average"];

impl TryFrom<Map<String, Value>> for Optimizer {
    type Error = Error;

    fn try_from(mut fields: Map<String, Value>) -> Result<Optimizer, Error> {
        let common = COMMON.iter().filter_map(|name| fields.remove_entry(*name)).collect();
        let rule = from_value(Value::Object(fields))?;
        let Common { learning_rate, weight_decay, clip_norm, clip_value, layer_rates, average } =
            from_value(Value::Object(common))?;
        let learning_rate = match learning_rate {
            Some(Rate::Number(learning_rate)) => Schedule::Constant { learning_rate },
            Some(Rate::Changing(schedule)) => schedule,
            None => return Err(serde::de::Error::missing_field("learning_rate")),
        };
        Ok(Optimizer { rule, learning_rate, weight_decay, clip_norm, clip_value, layer_rates, average })
    }
}

impl From<Optimizer> for Described {
    fn from(optimizer: Optimizer) -> Described {
        let Optimizer { rule, learning_rate, weight_decay, clip_norm, clip_value, layer_rates, average } = optimizer;
        let learning_rate = Some(match learning_rate {
            Schedule::Constant { learning_rate } => Rate::Number(learning_rate),
            schedule => Rate::Changing(schedule),
        });
        let common = Common { learning_rate, weight_decay, clip_norm, clip_value, layer_rates, average };
        Described { rule, common }
    }
}
