/** What is no question that can be answered, answered all the same. */
import { answerHeader, answerQuestion } from "./answer.ts";
import { type Question, readQuestion } from "./question.ts";

/** The question, or what to say to what is none; undefined where nothing must be said. */
export function questionOrAnswer(
  query: Buffer,
): { readonly question: Question } | { readonly answer: Buffer } | undefined {
  const asked = readQuestion(query);
  switch (asked.kind) {
    case "question":
      return { question: asked.question };
    case "none":
      return undefined;
    case "other-operation":
      return { answer: answerHeader(query, "notImplemented") };
    case "malformed":
      return { answer: answerHeader(query, "malformed") };
  }
}

/** The answer that refuses `query`, with `why` in it where the asker understands extended errors. */
export function refuseQuestion(query: Buffer, why: string): Buffer | undefined {
  const read = questionOrAnswer(query);
  if (read === undefined || "answer" in read) return read?.answer;
  return answerQuestion(query, read.question, { code: "refused", why });
}
