/** The one running wall: its state, its clock, and where it reads from. */
import { address } from '../api';
import { follow } from './stream';
import { reduce, start, type WallState } from './state';

const asked = new URLSearchParams(location.search);

/** The site named in the address (`?site=`), or null for the server's first one. */
export const askedSite: string | null = asked.get('site');

class Live {
  state: WallState = $state.raw(start);
  /** The server's time now, milliseconds; moves once a second. */
  now: number = $state(Date.now());
  /** The stream was refused or broke: perhaps there is no such site. */
  refused: boolean = $state(false);

  /** Begin to listen; the returned function ends it. */
  run(): () => void {
    const stop = follow(
      address('/api/stream', { site: askedSite }),
      (news) => {
        this.state = reduce(this.state, news);
        if (news.kind === 'misunderstood') console.warn('plumbline wall:', news.problem);
        if (news.kind === 'snapshot') {
          this.refused = false;
          this.now = Date.now() + this.state.clockOffset;
        }
      },
      () => {
        this.refused = true;
      },
    );
    const tick = setInterval(() => {
      this.now = Date.now() + this.state.clockOffset;
    }, 1000);
    return () => {
      stop();
      clearInterval(tick);
    };
  }
}

export const live = new Live();
