import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';

const place = document.getElementById('wall');
if (!place) throw new Error('index.html has no element #wall to put the wall in');
mount(App, { target: place });
