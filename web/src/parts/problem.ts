/** What went wrong, to its reader: what the server says is wrong as it says it, a line that failed in the reader's language. */
import { NoAnswerError } from '../api';
import { reader } from '../text/language.svelte';

export function told(error: unknown): string {
  if (error instanceof NoAnswerError) return reader.say(`problem.${error.why}`);
  return error instanceof Error ? error.message : String(error);
}
