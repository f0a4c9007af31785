/** The commands that `npm start` says to try, below the line that says what for; one may go over several lines. */
export function commandsIn(paragraph: string): { heading: string; commands: string[] } {
  const [heading = '', ...commands] = paragraph.split(/\n {2}(?! )/);
  return { heading, commands };
}
