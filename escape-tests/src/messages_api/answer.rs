//! Owns what the stand-in answers: what a conversation wants next, and the message that says so, in one piece or as events.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{PONG, RUN, TOOL_SAID};

/// The one content block of an answer, and the message around it.
pub(super) struct Answer {
    /// Unlike any other's: the client joins messages of one name when a conversation goes on.
    id: String,
    model: Value,
    block: Value,
    stop_reason: &'static str,
}

impl Answer {
    pub(super) fn to(request: &Value, turn: usize) -> Self {
        let has_bash = request["tools"]
            .as_array()
            .is_some_and(|tools| tools.iter().any(|tool| tool["name"] == "Bash"));
        let (block, stop_reason) = match Wish::of(request) {
            Wish::Run(command) if has_bash => {
                let input =
                    json!({ "command": command, "description": "What the prompt asked for" });
                (
                    json!({ "type": "tool_use", "id": format!("toolu_{turn}"), "name": "Bash", "input": input }),
                    "tool_use",
                )
            }
            Wish::Report(output) => (
                json!({ "type": "text", "text": format!("{TOOL_SAID}{output}") }),
                "end_turn",
            ),
            _ => (json!({ "type": "text", "text": PONG }), "end_turn"),
        };
        Self {
            id: format!("msg_{turn}"),
            model: request["model"].clone(),
            block,
            stop_reason,
        }
    }

    pub(super) fn message(&self) -> Value {
        let mut message = self.envelope();
        message["content"] = json!([self.block]);
        message["stop_reason"] = json!(self.stop_reason);
        message
    }

    fn envelope(&self) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": [],
            "stop_reason": null, "stop_sequence": null,
            "usage": {
                "input_tokens": 5, "output_tokens": 1,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            },
        })
    }

    /// The same as server-sent events, in the order that the API documents.
    pub(super) fn stream(&self, stream: &mut impl Write) -> io::Result<()> {
        let (start, delta) = if self.block["type"] == "text" {
            (
                json!({ "type": "text", "text": "" }),
                json!({ "type": "text_delta", "text": self.block["text"] }),
            )
        } else {
            let mut start = self.block.clone();
            let input = std::mem::replace(&mut start["input"], json!({}));
            (
                start,
                json!({ "type": "input_json_delta", "partial_json": input.to_string() }),
            )
        };
        let end = json!({ "stop_reason": self.stop_reason, "stop_sequence": null });
        let events = [
            json!({ "type": "message_start", "message": self.envelope() }),
            json!({ "type": "content_block_start", "index": 0, "content_block": start }),
            json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": end, "usage": { "output_tokens": 5 } }),
            json!({ "type": "message_stop" }),
        ];
        stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        )?;
        for event in events {
            let name = event["type"].as_str().unwrap_or_default();
            write!(stream, "event: {name}\ndata: {event}\n\n")?;
        }
        stream.flush()
    }
}

/// What a conversation wants next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A prompt asked for this command, and no tool has answered yet.
    Run(String),
    /// The tool returned this.
    Report(String),
    /// Nothing of both.
    Nothing,
}

impl Wish {
    /// The prompt is not always in the last message (reminders follow it): the latest mark of all messages decides.
    pub(super) fn of(request: &Value) -> Self {
        let mut wish = Wish::Nothing;
        let messages = request["messages"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        for message in messages.iter().filter(|message| message["role"] == "user") {
            for (kind, text) in texts(&message["content"]) {
                if kind == "tool_result" {
                    wish = Wish::Report(text);
                } else if let Some((_, command)) = text.split_once(RUN) {
                    wish = Wish::Run(command.lines().next().unwrap_or_default().trim().to_owned());
                }
            }
        }
        wish
    }
}

/// The texts of a content, which is a string or a list of blocks, each with its type.
fn texts(content: &Value) -> Vec<(&str, String)> {
    match content {
        Value::String(text) => vec![("text", text.clone())],
        Value::Array(blocks) => blocks.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

fn text(block: &Value) -> Option<(&str, String)> {
    match block["type"].as_str()? {
        "text" => Some(("text", block["text"].as_str()?.to_owned())),
        "tool_result" => Some((
            "tool_result",
            texts(&block["content"])
                .into_iter()
                .map(|(_, text)| text)
                .collect(),
        )),
        _ => None,
    }
}
