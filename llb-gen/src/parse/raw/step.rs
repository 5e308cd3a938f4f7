//! Steps as written: which action it is, then that action's own members.

use jsonc_parser::ast::{Object, Value as Json};

use super::action::one_action;
use super::files::{RawAdd, RawCopy, RawFile, RawMkdir, RawRemove, RawSymlink, RawUser};
use super::packages::{RawApt, RawPip};
use super::run::RawRunStep;
use super::when::RawWhen;
use crate::model::Value;
use crate::parse::decode::Decode;
use crate::parse::node::{Context, Node};
use crate::parse::object::object;

/// The actions, in the order in which people read about them.
const ACTIONS: [&str; 10] =
    ["run", "apt", "pip", "copy", "add", "file", "mkdir", "symlink", "remove", "user"];

/// Defines the ten kinds of steps: each an object with its action, `name` and `when`.
macro_rules! steps {
    ($($(#[doc = $doc:literal])* $variant:ident $json:literal $step:ident($action:ty);)+) => {
        /// One step: exactly one action.
        #[derive(Debug, Clone)]
        pub(crate) enum RawStep {
            Run(Box<RawRunStep>),
            $($variant(Box<$step>),)+
        }

        $(object! {
            $(#[doc = $doc])*
            $step {
                /// What people see while the step runs.
                "name" name: Option<Value<String>>,
                /// When the step runs.
                "when" when: Option<RawWhen>,
                $(#[doc = $doc])*
                $json action: $action,
            }
        })+

        impl RawStep {
            fn read(action: &str, node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
                match action {
                    $($json => $step::decode(node, cx).map(|step| Self::$variant(Box::new(step))),)+
                    _ => RawRunStep::decode(node, cx).map(|step| Self::Run(Box::new(step))),
                }
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for RawStep {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "Step".into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": "One step: an object with exactly one action; `name` and `when` may stand beside it.",
                    "anyOf": [generator.subschema_for::<RawRunStep>(), $(generator.subschema_for::<$step>()),+]
                })
            }
        }
    };
}

steps! {
    /// Installs Debian packages.
    Apt "apt" RawAptStep(RawApt);
    /// Installs Python packages.
    Pip "pip" RawPipStep(RawPip);
    /// Copies files into the image.
    Copy "copy" RawCopyStep(RawCopy);
    /// Fetches a file or a git repository.
    Add "add" RawAddStep(RawAdd);
    /// Writes a small file.
    File "file" RawFileStep(RawFile);
    /// Makes folders.
    Mkdir "mkdir" RawMkdirStep(RawMkdir);
    /// Makes a symbolic link.
    Symlink "symlink" RawSymlinkStep(RawSymlink);
    /// Removes files and folders.
    Remove "remove" RawRemoveStep(RawRemove);
    /// Creates a user, a group or both.
    User "user" RawUserStep(RawUser);
}

impl Decode for RawStep {
    const FORM: &'static str = "an object with one action";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::Object(object) = node else { return cx.wrong_type(node, Self::FORM) };
        let action = action(object, cx)?;
        Self::read(action, node, cx)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Self>()
    }
}

/// The one action of a step. `user` beside `run` is an option of it.
fn action(object: &Object<'_>, cx: &mut Context<'_>) -> Option<&'static str> {
    let (users, others): (Vec<_>, Vec<_>) = ACTIONS.into_iter().partition(|name| *name == "user");
    let runs = object.properties.iter().any(|property| property.name.as_str() == "run");
    let actions: Vec<&'static str> = others.into_iter().chain(users.into_iter().filter(|_| !runs)).collect();
    one_action(object, "step", &actions, cx)
}
