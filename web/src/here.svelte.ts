/** The page that is shown now. */
import { parse, type Route } from './route';

class Here {
  route: Route = $state.raw(parse(location.hash));

  constructor() {
    window.addEventListener('hashchange', () => {
      this.route = parse(location.hash);
      window.scrollTo(0, 0);
    });
  }
}

export const here = new Here();
