import { createApp } from 'vue'
import App from './App.vue'
import { router } from './shell/screens'
import './styles/base.css'

createApp(App).use(router).mount('#app')
